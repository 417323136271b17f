# Written by `python -m tests.typing.classes`: the parts of this folder, for type checkers.
from supernas.steps.objectives.complementation import Complementation as Complementation
from supernas.steps.objectives.nsas import NSAS as NSAS
from supernas.steps.objectives.plain import Plain as Plain
from supernas.steps.objectives.wpl import WPL as WPL
