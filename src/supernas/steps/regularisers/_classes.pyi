# Written by `python -m tests.typing.classes`: the parts of this folder, for type checkers.
from supernas.steps.regularisers.alignment import Alignment as Alignment
from supernas.steps.regularisers.beta import Beta as Beta
from supernas.steps.regularisers.none import Unregularised as Unregularised
from supernas.steps.regularisers.oles import OLES as OLES
