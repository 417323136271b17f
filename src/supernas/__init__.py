"""supernas: one-shot neural architecture search that does what the papers' equations say.

>>> import supernas
>>> space = supernas.space("nas-bench-201")
>>> space.format(space[11472])
'|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|'
"""

from importlib.metadata import version

from supernas import methods, proxies, spaces
from supernas.api import (
    Search,
    Training,
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
from supernas.steps import objectives

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
    "classification",
    "correlate",
    "derive",
    "diagnostics",
    "export",
    "methods",
    "objectives",
    "proxies",
    "regression",
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
