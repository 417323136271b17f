"""supernas: one-shot neural architecture search that does what the papers' equations say.

>>> import supernas
>>> space = supernas.space("nas-bench-201")
>>> space.format(space[11472])
'|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|'
"""

from importlib.metadata import version
from importlib.util import find_spec
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from supernas import methods, proxies, spaces
    from supernas.api import (
        Search,
        Training,
        cite,
        correlate,
        derive,
        export,
        report,
        retrain,
        score,
        search,
        study,
        train,
    )
    from supernas.core.architecture import Architecture
    from supernas.core.errors import UserError
    from supernas.core.task import Task, classification, regression
    from supernas.data import TensorDataset
    from supernas.networks.choice import Choice
    from supernas.networks.model_space import ModelSpace
    from supernas.runs import diagnostics, stopping
    from supernas.spaces import get as space
    from supernas.steps import objectives, regularisers

    Data = TensorDataset.of

__all__ = [
    "Architecture",
    "Choice",
    "Data",
    "ModelSpace",
    "Search",
    "Task",
    "Training",
    "UserError",
    "__version__",
    "cite",
    "classification",
    "correlate",
    "derive",
    "diagnostics",
    "export",
    "methods",
    "objectives",
    "proxies",
    "regression",
    "regularisers",
    "report",
    "retrain",
    "score",
    "search",
    "space",
    "spaces",
    "stopping",
    "study",
    "train",
]

__version__ = version("supernas")

_PLACES = {name: f"supernas.api:{name}" for name in __all__} | {
    "Architecture": "supernas.core.architecture:Architecture",
    "Choice": "supernas.networks.choice:Choice",
    "Data": "supernas.data:TensorDataset.of",
    "ModelSpace": "supernas.networks.model_space:ModelSpace",
    "Task": "supernas.core.task:Task",
    "UserError": "supernas.core.errors:UserError",
    "classification": "supernas.core.task:classification",
    "diagnostics": "supernas.runs.diagnostics",
    "methods": "supernas.methods",
    "objectives": "supernas.steps.objectives",
    "proxies": "supernas.proxies",
    "regression": "supernas.core.task:regression",
    "regularisers": "supernas.steps.regularisers",
    "spaces": "supernas.spaces",
    "stopping": "supernas.runs.stopping",
    "space": "supernas.spaces:get",
}


def __getattr__(name: str) -> Any:
    """Loads what is asked for, a room of the package included: the command line begins before torch is there."""
    if name in _PLACES:
        return resolve_name(_PLACES[name])
    if find_spec(f"supernas.{name}") is None:
        raise AttributeError(f"module 'supernas' has no attribute {name!r}")
    return resolve_name(f"supernas.{name}")


def __dir__() -> list[str]:
    """What can be asked for."""
    return __all__
