"""One HTML file of a run or a study, which needs nothing else: no network, no script, no other file.

The page is made from the files in the folder alone. They are not trusted: every text is escaped, pictures are embedded
as images in which nothing runs, and no text of theirs becomes a link.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from supernas.core.errors import UserError
from supernas.core.files import write_atomically
from supernas.core.parameters import Option, documented
from supernas.core.spelling import option
from supernas.output.report.comparison_page import comparison_page
from supernas.output.report.folder import is_run, no_run, read
from supernas.output.report.run_page import run_page
from supernas.output.report.study_page import is_study, study_page

__all__ = ["render", "report"]


@documented
def report(
    *runs: Annotated[
        os.PathLike[str] | str,
        Option("the folder of a search, a training or a study, finished or not; several are compared"),
    ],
    out: Annotated[
        os.PathLike[str] | str | None,
        Option("the file to write (default: report.html in the folder, or comparison.html beside several)"),
    ] = None,
) -> Path:
    """Writes one HTML page that needs nothing else: what was found, how it went, what it cost, and how to repeat it.

    Of several runs it says how they rank, what none beats in value and cost, and how they come along in time. Equal
    folders give equal bytes.

    Returns:
        The file.

    Raises:
        UserError: if a folder holds neither, a run is given twice, or the file cannot be written.
    """
    folders = list(map(Path, runs))
    page = render(*folders).encode(errors="backslashreplace")  # JSON can hold half of a character, UTF-8 cannot
    target = Path(out) if out else _usual_place(folders)
    if target.is_dir():
        raise UserError(f"{target} is a folder; wanted a file, such as {target / 'report.html'}")
    try:
        write_atomically(target, lambda file: file.write(page))
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror or error}; choose another {option('out')}") from None
    return target


def _usual_place(folders: Sequence[Path]) -> Path:
    if len(folders) == 1:
        return folders[0] / "report.html"
    common = os.path.commonpath([folder.resolve().parent for folder in folders])
    shown = common if any(folder.is_absolute() for folder in folders) else os.path.relpath(common)
    return Path(shown) / "comparison.html"


def render(*folders: Path) -> str:
    """The page as text.

    Raises:
        UserError: if a folder holds no run and no study, a run is given twice, or none is given.
    """
    if not folders:
        raise UserError("nothing to report on; wanted the folder of a `supernas search`, `train` or `study`")
    if len(folders) > 1:
        return _template("comparison.html").render(page=comparison_page(folders))
    folder = folders[0]
    if is_study(folder):
        return _template("study.html").render(study=study_page(folder))
    if is_run(folder):
        return _template("run.html").render(page=run_page(read(folder)))
    raise no_run(folder)


def _template(name: str) -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader(__package__, "templates")
    kept = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return kept.get_template(name)
