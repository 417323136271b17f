"""supernas: one-shot neural architecture search that does what the papers' equations say.

>>> import supernas
>>> space = supernas.space("nas-bench-201")
>>> space.format(space[11472])
'|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|'
"""

from importlib.metadata import version

from supernas.api import Search, Training, derive, export, report, score, search, study, train
from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.core.task import Task, classification, regression
from supernas.data import TensorDataset
from supernas.networks.choice import Choice
from supernas.networks.model_space import ModelSpace
from supernas.spaces import get as space

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
    "derive",
    "export",
    "regression",
    "report",
    "score",
    "search",
    "space",
    "study",
    "train",
]

__version__ = version("supernas")
