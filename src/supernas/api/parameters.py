"""Parameters that several functions of the front door share: type, meaning and spelling of each, once.

A part (method, objective, proxy, space, diagnostic) is given by its name or as its settings. Names are texts, not a
closed list: a part joins by the existence of its file.
"""

import os
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal, SupportsIndex, TypeAlias

from supernas.core.architecture import Architecture
from supernas.core.documents import Values
from supernas.core.parameters import Meaning, Option
from supernas.core.progress import Progress
from supernas.core.task import Task
from supernas.data import Dataset
from supernas.evaluation.supernet_accuracy import Policy
from supernas.runs import configuration
from supernas.runs.executors import Executor
from supernas.spaces.base import Space
from supernas.steps.contracts import Metrics

__all__ = [
    "Address",
    "AnyArchitecture",
    "AnyData",
    "AnyPath",
    "BatchNorm",
    "Benchmark",
    "Config",
    "Count",
    "DataDir",
    "DataSource",
    "Device",
    "Devices",
    "Epochs",
    "ExecutorOf",
    "FromRun",
    "Inputs",
    "Nodes",
    "OnProgress",
    "OnStep",
    "Out",
    "Preset",
    "Resolution",
    "Resume",
    "RunDir",
    "Seed",
    "Sets",
    "TableDataset",
    "TableEpochs",
    "TableSplit",
    "TableTrainedOn",
    "TaskOf",
    "Trackers",
    "Where",
    "Workers",
    "WorkersOf",
]

AnyPath: TypeAlias = os.PathLike[str] | str
AnyArchitecture: TypeAlias = str | SupportsIndex | Architecture
Inputs: TypeAlias = tuple[Any, Any]
"""(inputs, targets): tensors or numpy arrays of equal length."""
AnyData: TypeAlias = str | os.PathLike[str] | Dataset | Inputs
Count: TypeAlias = str | float
"""A number of parameters or multiply-adds: 3600000, `3.6M` or `850k`."""

# -- what is searched, trained or scored -------------------------------------------------------------------------------

Where = Annotated[
    str | Values | Space | None,
    Option("the search space (default nas-bench-201)", python="or settings with a name, or a ModelSpace"),
]
DataSource = Annotated[
    AnyData | None,
    Option("a data set's name, or a path (default digits)", python="or (inputs, targets), or supernas.Data(...)"),
]
DataDir = Annotated[AnyPath | None, Option("where the files of a named data set are")]
Resolution = Annotated[
    int | None, Option("side of the squares that images become: larger ones, or all of a folder of any sizes")
]
TaskOf = Annotated[Task | None, Meaning("the loss and the metric, if not the usual ones for the data")]

# -- how it goes -------------------------------------------------------------------------------------------------------

Preset = Annotated[str | None, Option("demo, cpu or paper; of darts-cnn also imagenet, imagenet-linear (default demo)")]
Epochs = Annotated[int | None, Option("passes over the training images")]
Seed = Annotated[int | None, Option("of everything random (default 0)")]
Device = Annotated[configuration.Device | None, Option("auto, cpu, cuda, cuda:1 or mps (default auto)")]
Devices = Annotated[
    int | None,
    Option(
        "devices of this machine that share every batch (default 1)",
        python="the program is then started once for each",
        least=1,
    ),
]
Nodes = Annotated[int | None, Option("machines that share every batch, each with so many devices (default 1)", least=1)]
FromRun = Annotated[
    AnyPath | None,
    Option("a finished run whose weights are the first; the schedule begins anew", spelled=("from", "from_run")),
]
Config = Annotated[
    AnyPath | Values | None,
    Option("a TOML or JSON file of settings, such as a run's config.json", python="or a nested dictionary"),
]
Sets = Annotated[
    Iterable[str], Option("any setting, as section.name=value; repeatable", python="they have the last word")
]
Out = Annotated[AnyPath | None, Option("the run folder (default runs/<name of the run>)")]
Resume = Annotated[
    bool,
    Option(
        "go on from the folder's checkpoint",
        python="where there is one; a finished run gives its result again",
        untyped=False,
    ),
]
Trackers = Annotated[
    str | Iterable[str] | None,
    Option("show the epochs there too, with commas: tensorboard,wandb,mlflow", python="or several"),
]
OnStep = Annotated[
    Callable[[Progress, Metrics], None] | None,
    Meaning("called after every step with the progress and the metrics of that step"),
]
OnProgress = Annotated[Callable[[int, int], None] | None, Meaning("called with (done, to be done)")]

# -- what is asked of what is finished ---------------------------------------------------------------------------------

RunDir = Annotated[AnyPath, Option("the run folder of a finished search")]
BatchNorm = Annotated[Policy, Option("statistics that normalise: batch, recalibrate or tracked")]
_GUARDED = 'a script needs the usual `if __name__ == "__main__":`'
Workers = Annotated[
    int | Literal["auto"] | None,
    Option(
        "processes (default: one a core)",
        python=f'in Python one, for with more {_GUARDED}; "auto" is one a core, where several help',
        least=1,
    ),
]
WorkersOf = Annotated[
    int | None,
    Option(
        "processes (default: one a core or GPU, or as many as the executor has room for)",
        python=f"in Python None is that, and with more than one {_GUARDED}",
        least=1,
        untyped=None,
    ),
]
ExecutorOf = Annotated[
    str | Values | Executor,
    Option("where the work is done: local, ray, submitit; with settings submitit:partition=gpu", python="or settings"),
]
Address = Annotated[str | None, Option("of the executor's cluster, such as auto or host:port of Ray")]
Benchmark = Annotated[AnyPath | None, Option("a table of true accuracies to compare with")]
TableDataset = Annotated[str | None, Option("column of the benchmark: data set")]
TableSplit = Annotated[str | None, Option("column of the benchmark: where accuracy was measured")]
TableEpochs = Annotated[int | None, Option("column of the benchmark: length of the training")]
TableTrainedOn = Annotated[str | None, Option("column of the benchmark: train or train+valid")]
