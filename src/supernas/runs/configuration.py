"""The configuration of a run: sections of settings, from presets, files, the command line or Python.

A document is a plain nested dictionary (what JSON and TOML hold): `{"method": {"name": "e2nas", "gamma": 0.5}, ...}`.
Parts are merged in the order preset, file, flags, and then every section is validated by its settings class.
"""

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, TypeVar

import pydantic

from supernas import methods, spaces
from supernas.core.architecture import Architecture
from supernas.core.documents import DEEPEST, Document, Values, check_depth, once
from supernas.core.errors import UserError, unknown
from supernas.core.identity import digest_of
from supernas.core.reading import read_text
from supernas.core.records import Record, checked_model, read_checked
from supernas.core.registry import recorded
from supernas.core.settings import build, field_names, parse_value, setting, settings, to_plain
from supernas.core.spelling import assigned
from supernas.core.spelling import assignment as spelled
from supernas.core.task import Task
from supernas.data import kinds
from supernas.data.kinds import DataKind
from supernas.networks.base import NetworkSettings
from supernas.networks.costs.budget import BudgetSettings
from supernas.runs import diagnostics, presets, stopping
from supernas.runs.averaging import TrainingWeightsSettings
from supernas.runs.compatibility import check_together
from supernas.spaces.base import Space
from supernas.steps import objectives, regularisers
from supernas.steps.contracts import Chosen, Diagnostic, Paths
from supernas.steps.optimisers import SGDSettings
from supernas.steps.precision import Precision

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = [
    "DEFAULT_SPACE",
    "SEARCH_SECTIONS",
    "ComputeSettings",
    "GivenTask",
    "SearchConfig",
    "SearchSettings",
    "TrainConfig",
    "TrainSettings",
    "assign",
    "fingerprint",
    "merge",
    "read_file",
    "read_own",
    "read_space",
    "resolve_search",
    "resolve_train",
    "space_document",
    "with_task",
]

SEARCH_SECTIONS = (
    *(
        "space",
        "method",
        "objective",
        "regulariser",
        "stopping",
        "supernet",
        "weights",
        "data",
        "budget",
        "search",
        "watch",
    ),
    "plugins",
)
NAMED_SECTIONS = ("space", "method", "objective", "regulariser", "stopping")  # each a part by its name
DEFAULT_SPACE = "nas-bench-201"
Device = Annotated[str, pydantic.StringConstraints(pattern=r"^(auto|cpu|cuda(:\d{1,3})?|mps)$")]
Disconnected = Literal["refuse", "allow"]
_ARITHMETIC = ("precision", "tf32", "deterministic", "cudnn_benchmark", "compile")
_SHORT = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


@settings
class ComputeSettings:
    """Where a run computes, and how exactly. What is recorded of it stands in `result.json` as `arithmetic`."""

    device: Device = setting("auto", "where to compute: auto, cpu, cuda, cuda:1, ..., mps")
    precision: Precision = setting(
        "float32", "of a training step's matrix products and convolutions; fp32, bf16 and fp16 for short"
    )
    tf32: bool = setting(
        False, "whether a GPU's float32 products may have the ten bits of TensorFloat-32: faster, less exact"
    )
    deterministic: bool = setting(
        False, "whether only algorithms are taken that give the same bits every time; on a GPU slower, and some fail"
    )
    cudnn_benchmark: bool = setting(
        False, "whether cuDNN tries which of its convolutions is fastest here, which may differ from run to run"
    )
    compile: bool = setting(
        False, "whether a training step's pass through the network is compiled first, by torch.compile; of mixtures"
    )

    @pydantic.field_validator("precision", mode="before")
    @classmethod
    def _spelled_out(cls, value: Any) -> Any:
        return _SHORT.get(value, value) if isinstance(value, str) else value

    def __post_init__(self) -> None:
        if self.deterministic and self.cudnn_benchmark:
            raise ValueError("cudnn_benchmark is not deterministic; give one of them")

    @property
    def on_devices(self) -> tuple[int, int]:
        """Devices of a machine that share every batch, and machines; one of each, if nothing else can be set."""
        return 1, 1

    @property
    def arithmetic(self) -> Document:
        """What decides the last bits of a result, as plain values."""
        return {name: getattr(self, name) for name in _ARITHMETIC}


@settings
class SearchSettings(ComputeSettings):
    """The search loop."""

    epochs: int = setting(40, "passes over the training half", ge=1)
    batch_size: int = setting(64, "images in a training batch, and in an architecture batch", ge=1)
    seed: int = setting(0, "of everything random", ge=0, le=2**32 - 1)
    preset: str = setting("demo", "the named size that the other settings start from")
    devices: int = setting(1, "devices of this machine (of each of them) that share every batch", ge=1, le=1024)
    nodes: int = setting(1, "machines that share every batch", ge=1, le=1024)
    statistics: Literal["own", "synchronised"] = setting(
        "own", "what a batch is normalised by on several devices: each its own part, or all of them the whole batch"
    )
    split: float | None = setting(
        None,
        "part of the training data that trains weights; the rest judges. By default half of the images; a text has a "
        "validation part of its own",
        gt=0,
        lt=1,
    )
    validation_images: int = setting(
        1000, "validation images (of a text: windows) on which an architecture is judged", ge=1
    )
    paths: Paths | Literal["auto"] = setting(
        "whole",
        "where a step trains several paths: each sees the whole training batch, or they split it, each with a part in "
        "proportion to its weight in the loss; auto splits it wherever it can be",
    )
    inherit: str | None = setting(None, "the run folder of a search whose supernet gives the first weights")
    disconnected: Disconnected = setting(
        "refuse",
        "an answer without a path from input to output: another one is returned in its place, or it is (an ablation)",
    )
    track: int = setting(0, "drawn architectures whose inherited accuracy is followed from epoch to epoch", ge=0)
    checkpoint_minutes: float = setting(5.0, "the longest time between two checkpoints within an epoch", gt=0)

    @property
    def on_devices(self) -> tuple[int, int]:
        """Devices of a machine that share every batch, and machines."""
        return self.devices, self.nodes


@settings
class TrainSettings(ComputeSettings):
    """The training of one architecture from scratch."""

    epochs: int = setting(30, "passes over the training images", ge=1)
    batch_size: int = setting(64, "images in a batch", ge=1)
    seed: int = setting(0, "of everything random", ge=0, le=2**32 - 1)
    preset: str = setting("demo", "the named size that the other settings start from")
    label_smoothing: float = setting(0.0, "of the cross entropy", ge=0, lt=1)
    split: float | None = setting(
        None, "part of the training images that trains, as in a search; the rest validates, no test", gt=0, lt=1
    )
    split_seed: int | None = setting(None, "of that split; the training's own seed by default", ge=0, le=2**32 - 1)
    inherit: str | None = setting(
        None, "the run folder of a search, or of a training of the same architecture, that gives the first weights"
    )
    ema: float = setting(
        0.0, "decay of a moving average of the weights, which is tested in their place; 0: none", ge=0, lt=1
    )
    keep: Literal["last", "best"] = setting(
        "last",
        "the weights that are returned: the last ones, or those of the epoch that was best on validation data, which "
        "also come back where a loss is not a number",
    )
    disconnected: Disconnected = setting(
        "refuse", "an architecture without a path from input to output: refused, or trained all the same"
    )
    checkpoint_minutes: float = setting(5.0, "the longest time between two checkpoints within an epoch", gt=0)

    def __post_init__(self) -> None:
        ComputeSettings.__post_init__(self)
        if self.split_seed is not None and self.split is None:
            raise ValueError(
                "split_seed is of a split, and there is none; give "
                f"{assigned('train.split', 0.5)}, or leave train.split_seed out"
            )


@settings
class GivenTask:
    """A task that is given in Python: a configuration knows its name, and a digest that tells it from others."""

    name: str = setting("", "what it is called")
    digest: str = setting("", "eight letters for its loss, its metric and all else of it")


@dataclass(frozen=True, kw_only=True)
class SearchConfig(Chosen):
    """A validated search."""

    weights: SGDSettings
    data: DataKind
    search: SearchSettings
    budget: BudgetSettings = field(default_factory=BudgetSettings)
    task: GivenTask | None = None
    plugins: Mapping[str, str] = field(default_factory=dict)
    """Parts of other packages, such as `method mine`, -> the packages."""

    @property
    def extends(self) -> bool:
        """Whether each epoch is what it is however many there will be: methods move with the part that is done."""
        return False

    @property
    def paths(self) -> Paths:
        """How the paths of a step see its training batch."""
        if self.search.paths != "auto":
            return self.search.paths
        split = replace(self, search=replace(self.search, paths="split"))
        return "whole" if any(part.refuses(split) for _, _, part in split.parts()) else "split"

    @property
    def synchronised(self) -> bool:
        """Whether several devices normalise by the statistics of the whole batch."""
        return self.search.devices * self.search.nodes > 1 and self.search.statistics == "synchronised"

    @property
    def limited(self) -> bool:
        """Whether what the found network may cost is limited."""
        return bool(self.budget.limits)

    @property
    def precision(self) -> Precision:
        """Of a step's matrix products."""
        return self.search.precision

    @property
    def compiled(self) -> bool:
        """Whether a step's passes through the network are compiled."""
        return self.search.compile

    @property
    def most_paths(self) -> int:
        """How many paths a step trains at most: those of the objective, or a set that takes every option once."""
        return max(self.space.gene_sizes) if self.method.trains_path_sets else self.objective.most_paths(self.space)

    def document(self) -> Document:
        """The complete document, which resolves to this configuration again."""
        return {
            "space": space_document(self.space),
            "method": {"name": self.method_name, **to_plain(self.method)},
            "objective": {"name": self.objective_name, **to_plain(self.objective)},
            **self._regulariser_section(),
            "stopping": {"name": self.stopping_name, **to_plain(self.stopping)},
            "supernet": to_plain(self.supernet),
            "weights": to_plain(self.weights),
            "data": to_plain(self.data),
            "search": to_plain(self.search),
            "budget": to_plain(self.budget),
            **({"watch": {name: to_plain(one) for name, one in self.watch.items()}} if self.watch else {}),
            **_task_section(self.task),
            **_plugins_section(self.plugins),
        }

    def _regulariser_section(self) -> Document:
        """Of a search that has a regulariser, or whose method usually has one."""
        if self.regulariser is None or self.regulariser_name == self.method.regulariser == "none":
            return {}
        return {"regulariser": {"name": self.regulariser_name, **to_plain(self.regulariser)}}


@dataclass(frozen=True)
class TrainConfig:
    """A validated training from scratch."""

    space: Space
    architecture: Architecture
    network: NetworkSettings
    weights: TrainingWeightsSettings
    data: DataKind
    train: TrainSettings
    task: GivenTask | None = None
    plugins: Mapping[str, str] = field(default_factory=dict)
    """Parts of other packages, such as `space mine`, -> the packages."""

    @property
    def text(self) -> str:
        """The architecture as text of the space."""
        return self.space.format(self.architecture)

    @property
    def extends(self) -> bool:
        """Whether each epoch is what it is however many there will be."""
        return self.weights.forgets_the_end and not getattr(self.network, "drop_path", 0.0)

    def document(self) -> Document:
        """The complete document, which resolves to this configuration again."""
        return {
            "space": space_document(self.space),
            "architecture": self.text,
            "network": to_plain(self.network),
            "weights": to_plain(self.weights),
            "data": to_plain(self.data),
            "train": to_plain(self.train),
            **_task_section(self.task),
            **_plugins_section(self.plugins),
        }


ConfigT = TypeVar("ConfigT", SearchConfig, TrainConfig)


def resolve_search(document: Values) -> SearchConfig:
    """The search that a partial document means.

    Raises:
        UserError: for an unknown name, an unknown setting, a wrong type, a value out of range, parts that do not go
            together, or a part that is not of the package that section `plugins` says it was of.
    """
    _check_sections(document, [*SEARCH_SECTIONS, "task"])
    with recorded(document.get("plugins", {})) as plugins:
        config = _resolved_search(document)
    return replace(config, plugins=plugins)


def _resolved_search(document: Values) -> SearchConfig:
    space = read_space(document.get("space", DEFAULT_SPACE))
    given = _with_preset(document, "search", presets.get(space.family).search)
    method = _part(methods, given.get("method", {}), "method", "e2nas")
    preset = given["search"]["preset"]
    if not method.cls.trains_paths:
        given = merge(given, presets.get(space.family).mixtures.get(preset, {}), document)
    if preset == "paper":
        given = merge(given, method.cls.published, document)
        method = _part(methods, given.get("method", {}), "method", method.name)
    objective = _part(objectives, given.get("objective", {}), "objective", method.cls.objective)
    regulariser = _part(regularisers, given.get("regulariser", {}), "regulariser", method.cls.regulariser)
    _check_sections_of_settings(method, objective)
    _check_owner(method, methods)
    rule = _part(stopping, given.get("stopping", {}), "stopping", "never")
    config = SearchConfig(
        space=space,
        method_name=method.name,
        method=method.build(),
        objective_name=objective.name,
        objective=objective.build(),
        regulariser_name=regulariser.name,
        regulariser=regulariser.build(),
        stopping_name=rule.name,
        stopping=rule.build(),
        supernet=build(space.network_class.supernet_settings, given.get("supernet", {}), "supernet"),
        weights=build(SGDSettings, given.get("weights", {}), "weights"),
        data=build(kinds.get(space.data_kind), given.get("data", {}), "data"),
        search=build(SearchSettings, given.get("search", {}), "search"),
        budget=build(BudgetSettings, given.get("budget", {}), "budget"),
        watch=_watched(given.get("watch", {})),
        task=_given_task(given),
    )
    check_together(config)
    return config


def resolve_train(document: Values) -> TrainConfig:
    """The training from scratch that a partial document means.

    Raises:
        UserError: as `resolve_search`, and for an architecture that the space cannot read.
    """
    _check_sections(document, ["space", "architecture", "network", "weights", "data", "train", "task", "plugins"])
    with recorded(document.get("plugins", {})) as plugins:
        config = _resolved_train(document)
    return replace(config, plugins=plugins)


def _resolved_train(document: Values) -> TrainConfig:
    space = read_space(document.get("space", DEFAULT_SPACE))
    given = _with_preset(document, "train", presets.get(space.family).train)
    if "architecture" not in given:
        raise UserError("no architecture to train: give one as text")
    return TrainConfig(
        space,
        space.parse(str(given["architecture"])),
        build(space.network_class.network_settings, given.get("network", {}), "network"),
        build(TrainingWeightsSettings, given.get("weights", {}), "weights"),
        build(kinds.get(space.data_kind), given.get("data", {}), "data"),
        build(TrainSettings, given.get("train", {}), "train"),
        _given_task(given),
    )


def with_task(config: ConfigT, task: Task | None) -> ConfigT:
    """The configuration of a run whose task is given in Python, or of one that has the usual task of its data.

    Raises:
        UserError: if the configuration is of a run whose task was given, and it is not.
    """
    if task is not None:
        return replace(config, task=GivenTask(name=task.name, digest=digest_of(vars(task))))
    if config.task is not None:
        raise UserError(f"the task '{config.task.name}' was given in Python; give it again: task=...")
    return config


def read_space(value: Any) -> Space:
    """The space of a document's section `space`: a name, settings with a name, or the space itself.

    Raises:
        UserError: for an unknown name, an unknown setting, a wrong type or a value out of range.
    """
    if isinstance(value, Space):
        return value
    name, values = _named(value, "space", DEFAULT_SPACE)
    if "choices" in values:
        raise UserError(
            f"the space {name} was made from a model in Python; search, train and export take it there, as space=..."
        )
    return spaces.get(name, values)


def space_document(space: Space) -> str | Document:
    """What `read_space` reads back: the name, with all settings if the space has any."""
    document = space.document()
    return document if len(document) > 1 else space.name


def assign(document: Document, assignment: str) -> None:
    """Sets `section.name=value`, as `--set` gives it, in a document.

    Raises:
        UserError: if there is no `=`.
    """
    path, equals, text = assignment.partition("=")
    if not equals or not path.strip():
        raise UserError(f"{spelled(assignment)}: wanted section.name=value, as in method.gamma=0.5")
    *sections, name = path.strip().split(".")
    if len(sections) > DEEPEST:
        raise UserError(f"{spelled(path[:80])}...: {len(sections) + 1} names; wanted section.name=value")
    for section in sections:
        inner = document.setdefault(section, {})
        if isinstance(inner, str):  # `method=e2nas` was given before `method.gamma=0.5`
            inner = document[section] = {"name": inner}
        if not isinstance(inner, dict):
            raise UserError(f"{spelled(assignment)}: {section} was set to {inner!r}, which has no settings")
        document = inner
    value = parse_value(text)
    if isinstance(document.get(name), dict) and isinstance(value, str):
        document[name]["name"] = value
    else:
        document[name] = value


def merge(*documents: Values) -> Document:
    """Documents laid over each other, the later ones on top."""
    merged: Document = {}
    for document in documents:
        for key, value in document.items():
            below = merged.get(key)
            if isinstance(value, Mapping):
                if isinstance(below, str):
                    below = {"name": below}
                merged[key] = merge(below if isinstance(below, Mapping) else {}, value)
            elif isinstance(below, dict) and isinstance(value, str):
                merged[key] = {**below, "name": value}
            else:
                merged[key] = value
    return merged


def read_file(path: Path) -> Document:
    """A document from a TOML or JSON file.

    Raises:
        UserError: if the file is missing, of another kind, or malformed.
    """
    try:
        text = read_text(path)
        document = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text, object_pairs_hook=once)
        check_depth(document, "what it holds")
    except OSError as error:
        raise UserError(f"cannot read the configuration {path}: {error.strerror}") from None
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except RecursionError:
        raise UserError(f"{path} is nested too deeply; wanted sections of settings") from None
    except ValueError as error:
        raise UserError(f"{path} is not valid {'TOML' if path.suffix == '.toml' else 'JSON'}: {error}") from None
    if not isinstance(document, dict):
        raise UserError(f"{path} holds no table of settings")
    return document


class _FreeSettings(Record):
    """Settings in which equal runs may differ, which no digest covers, of whatever section."""

    device: str | None = None
    devices: int = pydantic.Field(default=1, ge=1)
    nodes: int = pydantic.Field(default=1, ge=1)
    directory: str | None = None
    workers: int | None = pydantic.Field(default=None, ge=0)
    checkpoint_minutes: float | None = pydantic.Field(default=None, ge=0)


_Table = dict[str, Any]
_ABSENT: Any = pydantic.Field(default_factory=dict)
_FREE: Any = _FreeSettings()


class _ConfigRecord(Record):
    """`config.json` of a run, whatever version wrote it."""

    remedy: ClassVar[str] = "give the settings again, and another folder"

    space: str | dict[str, Any] = DEFAULT_SPACE
    architecture: str | int = ""
    method: str | _Table = _ABSENT
    objective: str | _Table = _ABSENT
    regulariser: str | _Table = _ABSENT
    stopping: str | _Table = _ABSENT
    supernet: _Table = _ABSENT
    network: _Table = _ABSENT
    weights: _Table = _ABSENT
    data: _FreeSettings = _FREE
    budget: _Table = _ABSENT
    search: _FreeSettings = _FREE
    train: _FreeSettings = _FREE
    watch: dict[str, _Table] = _ABSENT
    plugins: dict[str, str] = _ABSENT


def read_own(folder: Path) -> Document | None:
    """The configuration of the run in a folder; None if there is none.

    Raises:
        UserError: if it is not as the run wrote it, or as `read_file`.
    """
    config = folder / "config.json"
    if read_checked(config) is None:
        return None
    document = read_file(config)
    checked_model(_ConfigRecord, document, config)
    return document


def fingerprint(document: Document) -> str:
    """Eight letters that tell configurations apart; the seed, the device and where the data are do not count."""
    uncounted = {"seed", "device", "devices", "nodes", "checkpoint_minutes", "directory", "workers"}
    counted = dict(document)
    for section in ("search", "train", "data"):
        if section in counted:
            counted[section] = {name: value for name, value in counted[section].items() if name not in uncounted}
    return hashlib.sha256(json.dumps(counted, sort_keys=True).encode()).hexdigest()[:8]


def _given_task(given: Values) -> GivenTask | None:
    return build(GivenTask, given["task"], "task") if "task" in given else None


def _task_section(task: GivenTask | None) -> Document:
    return {} if task is None else {"task": to_plain(task)}


def _plugins_section(plugins: Mapping[str, str]) -> Document:
    return {"plugins": dict(sorted(plugins.items()))} if plugins else {}


def _with_preset(document: Values, section: str, known: Mapping[str, Values]) -> Document:
    """The document on top of the preset that it names."""
    name = str(document.get(section, {}).get("preset", "demo"))
    if name not in known:
        raise unknown("preset", name, known)
    return merge(known[name], {section: {"preset": name}}, document)


def _named(value: Any, section: str, default: str) -> tuple[str, Document]:
    """(name, settings) of a section that names a part: `"e2nas"` or `{"name": "e2nas", "gamma": 0.5}`."""
    if not isinstance(value, str | Mapping):
        raise UserError(f"{section} = {value!r}: wanted a name, or settings with a name")
    values = {"name": value} if isinstance(value, str) else dict(value)
    return str(values.pop("name", default)), values


class _Part(NamedTuple):
    """A part of a document: its section, its name, its class and its settings."""

    section: str
    name: str
    cls: Any
    values: Document

    def build(self) -> Any:
        """The part with its settings."""
        return build(self.cls, self.values, self.section)


def _part(registry: Any, value: Any, section: str, default: str) -> _Part:
    name, values = _named(value, section, default)
    return _Part(section, name, registry.get(name), values)


def _check_sections_of_settings(part: _Part, other: _Part) -> None:
    """Refuses a setting that stands in the section of one part and is the other's."""
    for name, value in part.values.items():
        if name not in field_names(part.cls) and name in field_names(other.cls):
            right = assigned(f"{other.section}.{name}", value)
            raise UserError(f"{part.section}.{name}: {name} is a setting of {other.section} {other.name}; give {right}")


def _check_owner(part: _Part, registry: Any) -> None:
    """Refuses a setting that the part does not have and others of its kind do."""
    for name in part.values:
        if name in field_names(part.cls):
            continue
        if owners := [other for other in registry.names() if name in field_names(registry.get(other))]:
            raise UserError(
                f"unknown setting '{part.section}.{name}': {part.section} {part.name} has none; leave it out, or take "
                f"{part.section} {' or '.join(owners)}"
            )


def _watched(given: Values) -> dict[str, Diagnostic]:
    """The diagnostics of a section `watch`, name -> settings."""
    watched: dict[str, Diagnostic] = {}
    for name, values in given.items():
        diagnostic = diagnostics.get(name)
        if not isinstance(values, Mapping):
            raise UserError(f"watch.{name} = {values!r}: wanted settings, as in watch.{name}={{}}")
        watched[name] = build(diagnostic, values, f"watch.{name}")
    return watched


def _check_sections(document: Values, known: Iterable[str]) -> None:
    for section, value in document.items():
        if section not in known:
            raise unknown("section", section, known)
        if section == "architecture":
            if not isinstance(value, str | int) or isinstance(value, bool):
                raise UserError(f"{section} = {value!r}: wanted its text")
        elif section not in NAMED_SECTIONS and not isinstance(value, Mapping):
            raise UserError(f"{section} = {value!r}: wanted settings, as in {section}.name=value")
        elif section == "plugins" and not all(isinstance(package, str) for package in value.values()):
            raise UserError(f"{section} = {value!r}: wanted parts and their packages, as a run notes them")
