"""The terminal, on which nothing that a file or a person wrote is markup or a control character."""

from typing import Any

from rich.console import Console as RichConsole
from rich.text import Text

from supernas.core.text import printable

__all__ = ["Console"]


class Console(RichConsole):
    """A terminal, or what stands for it: texts appear as they are, control characters written out.

    Args:
        **options: of rich's console.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"highlight": False, "markup": False, "emoji": False, **options})
        self.width = max(self.width, 1)  # COLUMNS=0 would leave nothing of a line

    def render_str(self, text: str, **options: Any) -> Text:
        """What stands for a text wherever one is shown, cells of tables included."""
        return super().render_str(printable(text), **options)
