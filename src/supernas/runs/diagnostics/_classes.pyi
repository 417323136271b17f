# Written by `python -m tests.typing.classes`: the parts of this folder, for type checkers.
from supernas.runs.diagnostics.depth import Depth as Depth
from supernas.runs.diagnostics.entropy import Entropy as Entropy
from supernas.runs.diagnostics.gap import Gap as Gap
from supernas.runs.diagnostics.hessian import Hessian as Hessian
from supernas.runs.diagnostics.skips import SkipConnections as SkipConnections
