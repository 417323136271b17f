"""One HTML file of a run or a study, which needs nothing else: no network, no script, no other file.

The page is made from the files in the folder alone. They are not trusted: every text is escaped, pictures are embedded
as images in which nothing runs, and no text of theirs becomes a link.
"""

import os
from pathlib import Path
from typing import Annotated, Any

from supernas.core.errors import UserError
from supernas.core.files import write_atomically
from supernas.core.parameters import Option, documented
from supernas.core.spelling import option
from supernas.output.report.folder import is_run, read
from supernas.output.report.run_page import run_page
from supernas.output.report.study_page import is_study, study_page

__all__ = ["render", "report"]


@documented
def report(
    path: Annotated[os.PathLike[str] | str, Option("the folder of a search, a training or a study, finished or not")],
    *,
    out: Annotated[
        os.PathLike[str] | str | None, Option("the file to write (default: report.html in the folder)")
    ] = None,
) -> Path:
    """Writes one HTML page that needs nothing else: what was found, how it went, what it cost, and how to repeat it.

    Equal folders give equal bytes.

    Returns:
        The file.

    Raises:
        UserError: if the folder holds neither, or the file cannot be written.
    """
    folder = Path(path)
    page = render(folder).encode(errors="backslashreplace")  # JSON can hold half of a character, UTF-8 cannot
    target = Path(out) if out else folder / "report.html"
    if target.is_dir():
        raise UserError(f"{target} is a folder; wanted a file, such as {target / 'report.html'}")
    try:
        write_atomically(target, lambda file: file.write(page))
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror or error}; choose another {option('out')}") from None
    return target


def render(folder: Path) -> str:
    """The page as text.

    Raises:
        UserError: if the folder holds no run and no study.
    """
    if is_study(folder):
        return _template("study.html").render(study=study_page(folder))
    if is_run(folder):
        return _template("run.html").render(page=run_page(read(folder)))
    what = "there is no folder" if not folder.is_dir() else "no run and no study in"
    raise UserError(f"{what} {folder}; wanted the folder of a `supernas search`, `train` or `study`")


def _template(name: str) -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader(__package__, "templates")
    kept = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return kept.get_template(name)
