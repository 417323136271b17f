# Written by `python -m tests.typing.classes`: the parts of this folder, for type checkers.
from supernas.runs.stopping.eigenvalue import Eigenvalue as Eigenvalue
from supernas.runs.stopping.never import Never as Never
from supernas.runs.stopping.skips import Skips as Skips
from supernas.runs.stopping.watched import Watched as Watched
