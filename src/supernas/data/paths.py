"""What a user means by a path to data."""

import os
from collections.abc import Iterable
from pathlib import Path

from supernas.core.errors import UserError, unknown

__all__ = ["located"]


def located(name: str, directory: Path | str | None, kind: str, known: Iterable[str], form: str) -> Path:
    """The file or folder of a name that is no published one.

    Args:
        name: as it was given; `~` is the user's home.
        directory: where it counts from, if not absolute; the working directory by default.
        kind: what is looked for, as in `unknown`.
        known: the published names.
        form: what would be right, such as "folder".

    Raises:
        UserError: if there is none; whether it looks like a path or like a name decides how it is said.
    """
    path = Path(os.path.expanduser(directory or ".")) / os.path.expanduser(name)  # stays where there is no such user
    try:
        if path.exists():
            return path
    except OSError as error:
        raise UserError(f"cannot look at {name[:100]}: {error.strerror}") from None
    if "/" in name or "\\" in name or path.suffix:
        shown = name if directory is None else path
        raise UserError(f"there is no {form} {shown}; give one, or a name: {', '.join(known)}")
    raise unknown(kind, name, known)
