"""The command line: `supernas search`, `train`, `show`, `list`, `describe`, `autoencoder`, and the other cli files."""

import logging
import re
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import mean, stdev
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from supernas import data, methods, proxies, spaces
from supernas.api import Search, Training
from supernas.cli.benchmark import benchmark_app, query
from supernas.cli.correlate import correlate
from supernas.cli.derive import derive, train_tracked
from supernas.cli.display import Display
from supernas.cli.export import export
from supernas.cli.report import report
from supernas.cli.score import score
from supernas.cli.study import study
from supernas.core.errors import UserError, unknown
from supernas.core.settings import build
from supernas.core.settings import describe as describe_settings
from supernas.data import kinds
from supernas.networks.costs.cost import cost
from supernas.runs import diagnostics, presets, stopping
from supernas.runs.cell_picture import cell_svg
from supernas.runs.configuration import DEFAULT_SPACE, TrainConfig, merge, read_file, read_space
from supernas.runs.training import TrainResult, train_random
from supernas.steps import objectives

__all__ = ["main"]

app = typer.Typer(
    help="One-shot neural architecture search that does what the papers' equations say.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)
autoencoder_app = typer.Typer(help="The graph autoencoder of a space.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(autoencoder_app, name="autoencoder")
app.add_typer(benchmark_app, name="benchmark")
app.command()(query)
app.command()(correlate)
app.command()(derive)
app.command()(export)
app.command()(report)
app.command()(score)
app.command()(study)
_UsageError: Any = typer.BadParameter.__base__  # every mistake in the options themselves
out = Console(highlight=False, soft_wrap=True)

DataOption = Annotated[str | None, typer.Option("--data", help="a data set's name, or a path (default digits)")]
DataDir = Annotated[Path | None, typer.Option(help="where the files of a named data set are")]
Preset = Annotated[str | None, typer.Option(help="demo, cpu or paper (default demo)")]
Epochs = Annotated[int | None, typer.Option(help="passes over the training images")]
Seed = Annotated[int | None, typer.Option(help="of everything random (default 0)")]
Sets = Annotated[list[str] | None, typer.Option("--set", help="any setting, as section.name=value; repeatable")]
Config = Annotated[Path | None, typer.Option(help="a TOML or JSON file of settings, such as a run's config.json")]
Out = Annotated[Path | None, typer.Option(help="the run folder (default runs/<name of the run>)")]
Resume = Annotated[bool, typer.Option("--resume", help="go on from the folder's checkpoint")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps (default auto)")]
SpaceOption = Annotated[str | None, typer.Option("--space", help="the search space (default nas-bench-201)")]


def main() -> None:
    """Runs the command line. Whatever a user can get wrong is one line and exit code 2."""
    log = logging.getLogger("supernas")  # what takes long says so
    log.setLevel(logging.INFO)
    log.addHandler(logging.StreamHandler())
    try:
        code = app(standalone_mode=False)
    except UserError as error:
        _fail(str(error))
    except _UsageError as error:
        _fail(error.format_message())
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str) -> None:
    print(f"supernas: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(2)


# -- search and train --------------------------------------------------------------------------------------------------


@app.command()
def search(
    method: Annotated[str | None, typer.Option(help="the search method (default e2nas)")] = None,
    space: SpaceOption = None,
    objective: Annotated[str | None, typer.Option(help="how the supernet is trained (default: the method's)")] = None,
    data: DataOption = None,
    data_dir: DataDir = None,
    preset: Preset = None,
    epochs: Epochs = None,
    seed: Seed = None,
    set: Sets = None,
    config: Config = None,
    out: Out = None,
    resume: Resume = False,
    device: Device = None,
    track: Annotated[
        int | None, typer.Option(help="follow so many drawn architectures from epoch to epoch (default 0)")
    ] = None,
    watch: Annotated[
        str | None, typer.Option(help="record these after every epoch, with commas: hessian,entropy,skips,gap,depth")
    ] = None,
    max_parameters: Annotated[
        str | None, typer.Option(help="the most parameters of the found network, such as 1.2M")
    ] = None,
    max_flops: Annotated[str | None, typer.Option(help="its most multiply-adds, such as 50M")] = None,
    max_latency_ms: Annotated[
        float | None, typer.Option(help="its most milliseconds for one input, measured here")
    ] = None,
    benchmark: Annotated[
        Path | None, typer.Option(help="a table of true accuracies: recorded for every epoch, unseen by the method")
    ] = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="also write TensorBoard events")] = False,
) -> None:
    """Search for an architecture; leaves it, the supernet's weights, a picture and a record in the run folder."""
    run = Search(
        method=method,
        space=space,
        objective=objective,
        data=data,
        data_dir=data_dir,
        preset=preset,
        epochs=epochs,
        seed=seed,
        set=set or (),
        config=read_file(config) if config else None,
        out=out,
        resume=resume,
        device=device,
        track=track,
        watch=watch,
        max_parameters=_count(max_parameters, "--max-parameters"),
        max_flops=_count(max_flops, "--max-flops"),
        max_latency_ms=max_latency_ms,
        benchmark=benchmark,
    )
    result = _run(run, tensorboard)
    record, task = result.record, run.task
    valid = task.text(record[f"valid_{task.quantity}"])
    weights = "inherited" if run.config.method.trains_weights else "untrained"
    _print_rows(
        {
            "architecture": result.text,
            f"supernet {task.quantity}": f"{valid} ({weights} weights, validation {run.data.examples})",
            "parameters": f"{record['parameters']:,}",
            "multiply-adds": f"{record['flops']:,}",
            "run folder": str(result.folder),
        }
    )


@app.command()
def train(
    architecture: Annotated[str, typer.Argument(help="an architecture as text, a search's folder, or a derive-*.json")],
    space: SpaceOption = None,
    data: DataOption = None,
    data_dir: DataDir = None,
    preset: Preset = None,
    epochs: Epochs = None,
    seed: Seed = None,
    set: Sets = None,
    config: Config = None,
    out: Out = None,
    resume: Resume = False,
    device: Device = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="also write TensorBoard events")] = False,
    compare_random: Annotated[
        int, typer.Option(min=0, help="also train so many random architectures alike, and print their mean")
    ] = 0,
    tracked: Annotated[
        bool,
        typer.Option("--tracked", help="instead: train what a search followed (--track K), on its halves"),
    ] = False,
    parameters: Annotated[
        str | None, typer.Option(help="size of the network, such as 3.6M: finds the channels that come nearest to it")
    ] = None,
) -> None:
    """Train an architecture from scratch and test it. With a search's folder, its space, data and preset are taken."""
    if tracked:
        unfit = {"--space": space, "--data": data, "--out": out, "--tensorboard": tensorboard}
        for option, given in {**unfit, "--compare-random": compare_random, "--parameters": parameters}.items():
            if given:
                raise UserError(f"{option} does not go with --tracked, which trains beside the search {architecture}")
        flags = {"preset": preset, "epochs": epochs, "seed": seed, "device": device}
        train_tracked(Path(architecture), flags, data_dir, config, set or [])
        return
    found, where, defaults = _architecture(architecture, space)
    made: dict[str, Any] = {
        "space": where,
        "data": data,
        "data_dir": data_dir,
        "preset": preset,
        "epochs": epochs,
        "seed": seed,
        "set": set or (),
        "config": merge(
            {**defaults, "data": {}} if data and defaults else defaults, read_file(config) if config else {}
        ),
        "device": device,
    }
    run = Training(found, **made, out=out, resume=resume, parameters=_count(parameters, "--parameters"))
    if compare_random and "test" not in run.data.parts:
        alone = f"train.split leaves the test {run.data.examples} alone"
        why = alone if run.config.train.split else f"{run.data.name} has no test {run.data.examples}"
        raise UserError(f"{why}, so --compare-random has nothing to compare")
    result = _run(run, tensorboard)
    rows = {
        "architecture": result.text,
        **_judged(result, run.data.examples),
        "parameters": f"{result.record['parameters']:,}",
        "run folder": str(result.folder),
    }
    if compare_random:
        rows["random architectures"] = _random_architectures(run.config, compare_random, result.folder)
    _print_rows(rows)


def _judged(result: TrainResult, examples: str) -> dict[str, str]:
    """What the training is judged by: the test data, or validation data where these are left alone."""
    task, quantity = result.task, result.task.quantity
    if result.test_metric is not None:
        return {f"test {quantity}": task.text(result.test_metric)}
    if result.valid_metric is not None:
        return {f"validation {quantity}": f"{task.text(result.valid_metric)} (the test {examples} were not looked at)"}
    return {f"test {quantity}": f"no test {examples}"}


def _random_architectures(config: TrainConfig, count: int, folder: Path) -> str:
    """Trains random architectures exactly like the one found; (mean, deviation and n of their test metrics)."""
    results = train_random(config, count, folder / "random")
    task = results[0].task
    metrics = [result.record[f"test_{task.quantity}"] for result in results]
    spread = f"{mean(metrics):.2f} +- {task.text(stdev(metrics) if count > 1 else 0.0)}"
    return f"{spread} test {task.quantity} (mean, deviation, n = {count}, trained alike)"


def _run(run: Any, tensorboard: bool) -> Any:
    """Runs a search or a training under a display; ^C saves, and says how to go on."""
    with Display(run.folder.path, run.steps, run.state.step) as display:
        listeners = [display.epoch, *([_tensorboard(run.folder.path)] if tensorboard else [])]
        run.on_epoch = (*run.on_epoch, *listeners)
        run.on_step = display.step
        for note in run.notes:
            display.say(f"note: {note}")
        try:
            return run.run()
        except KeyboardInterrupt:
            display.say(f"stopped and saved; go on with the same command and --resume --out {run.folder.path}")
            raise


def _tensorboard(folder: Path) -> Callable[[Any], None]:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UserError("--tensorboard needs the extra: pip install 'supernas[tensorboard]'") from None
    writer = SummaryWriter(str(folder))

    def write(epoch: Any) -> None:
        for name, value in epoch.metrics.items():
            writer.add_scalar(name, value, epoch.epoch)
        writer.flush()

    return write


# -- looking things up -------------------------------------------------------------------------------------------------


@app.command()
def show(
    architecture: Annotated[str, typer.Argument(help="an architecture as text, or a run folder")],
    space: SpaceOption = None,
    svg: Annotated[Path | None, typer.Option(help="write the cell as a picture")] = None,
    classes: Annotated[
        int | None, typer.Option(min=2, help="classes of the network whose cost is shown, or words that it knows")
    ] = None,
    resolution: Annotated[int | None, typer.Option(min=8, help="side of its images (default 32)")] = None,
) -> None:
    """The cell as text and picture, its cost at the published size, its index and canonical form."""
    text, space_document, _ = _architecture(architecture, space)
    where = read_space(space_document or DEFAULT_SPACE)
    found = where.parse(text)
    size = kinds.get(where.data_kind).usual_shape(classes, resolution)
    spent = cost(where.build(found, **size.network), size.input_shape, dtype=size.input_type)
    live = set(where.live(found))
    for choice, option in found.pairs:
        name = where.choices[choice].options[option]
        dead = "" if (choice, option) in live or name == "none" else "   (dead: cannot reach the output)"
        out.print(f"  {where.choices[choice].name:<8} {name}{dead}", markup=False)
    _print_rows(
        {
            "architecture": where.format(found),
            **({"index": str(where.index(found))} if where.enumerable else {}),
            "canonical": where.canonical(found),
            "parameters": f"{spent.parameters:,} (published size, {size.classes})",
            "multiply-adds": f"{spent.multiply_adds:,} ({size.example}; {spent.convention})",
        }
    )
    if svg:
        _write_text(svg, cell_svg(where, found))


LISTS: dict[str, Callable[[], dict[str, str]]] = {
    "methods": lambda: {name: _headline(methods.get(name)) for name in methods.names()},
    "objectives": lambda: {name: _headline(objectives.get(name)) for name in objectives.names()},
    "stopping": lambda: {name: _headline(stopping.get(name)) for name in stopping.names()},
    "watch": lambda: {name: _headline(diagnostics.get(name)) for name in diagnostics.names()},
    "proxies": lambda: {name: _headline(proxies.get(name)) for name in proxies.names()},
    "spaces": lambda: {name: _headline(spaces.settings_class(name)) for name in spaces.names()},
    "architectures": lambda: {
        f"{space} {name}": text for space in spaces.names() for name, text in spaces.get(space).named.items()
    },
    "datasets": lambda: {**data.image_names(), **data.text_names()},
    "presets": presets.meanings,
}


@app.command(name="list")
def list_(
    what: Annotated[
        str,
        typer.Argument(help="methods, objectives, stopping, watch, proxies, spaces, architectures, datasets, presets"),
    ],
) -> None:
    """What there is to choose from."""
    if what not in LISTS:
        raise unknown("list", what, LISTS)
    _print_rows(LISTS[what]())


@app.command()
def describe(
    kind: Annotated[str, typer.Argument(help="method, objective, stopping, watch, proxy, space or section")],
    name: Annotated[str, typer.Argument(help="its name, such as e2nas; a section: supernet, weights, data, search")],
    space: SpaceOption = None,
) -> None:
    """Every setting: type, default, range, meaning, equation. Sections supernet, network, data depend on the space."""
    table = Table("setting", "type", "default", "range", "meaning", "equation", box=None, pad_edge=False)
    for one in describe_settings(_settings_class(kind, name, space or DEFAULT_SPACE)):
        table.add_row(one.name, one.type, str(one.default), one.range, one.meaning, one.equation)
    Console(width=max(out.width, 140), highlight=False).print(table)


def _settings_class(kind: str, name: str, space: str) -> type:
    from supernas.networks.costs.budget import BudgetSettings
    from supernas.runs.averaging import TrainingWeightsSettings
    from supernas.runs.configuration import SearchSettings, TrainSettings

    where = spaces.get(space)
    network = where.network_class
    sections: dict[str, type] = {
        "supernet": network.supernet_settings,
        "network": network.network_settings,
        "weights": TrainingWeightsSettings,
        "data": kinds.get(where.data_kind),
        "search": SearchSettings,
        "budget": BudgetSettings,
        "train": TrainSettings,
    }
    parts: dict[str, Callable[[str], type]] = {
        "method": methods.get,
        "objective": objectives.get,
        "stopping": stopping.get,
        "watch": diagnostics.get,
        "proxy": proxies.get,
        "space": spaces.settings_class,
    }
    if kind in parts:
        return parts[kind](name)
    if kind != "section":
        raise unknown("kind", kind, [*parts, "section"])
    if name not in sections:
        raise unknown("section", name, sections)
    return sections[name]


# -- autoencoder -------------------------------------------------------------------------------------------------------

Latent = Annotated[int, typer.Option(min=1, help="dimensions of the latent space")]
AutoencoderSeed = Annotated[int, typer.Option(min=0, help="of initial weights and noise")]


@autoencoder_app.command(name="train")
def autoencoder_train(
    out_file: Annotated[Path, typer.Option("--out", help="the .safetensors file to write; its .json goes beside it")],
    space: SpaceOption = None,
    epochs: Epochs = None,
    latent: Latent = 16,
    seed: AutoencoderSeed = 0,
) -> None:
    """Train the graph autoencoder of a space and write it with what was measured."""
    from supernas.methods.e2nas.autoencoder import AutoencoderSettings
    from supernas.methods.e2nas.autoencoder.evaluation import train_and_save

    values = {"latent": latent, "seed": seed, **({} if epochs is None else {"epochs": epochs})}
    settings = build(AutoencoderSettings, values, "autoencoder")
    command = "supernas " + " ".join(sys.argv[1:])
    where = spaces.get(space or DEFAULT_SPACE)
    measured = train_and_save(where, settings, out_file, command, lambda epoch: _print_epoch(epoch))
    _print_rows({name: str(value) for name, value in measured.tree().items()})


@autoencoder_app.command(name="evaluate")
def autoencoder_evaluate(
    space: SpaceOption = None,
    file: Annotated[Path | None, typer.Option(help="a trained autoencoder (default: the space's own)")] = None,
    draws: Annotated[int, typer.Option(min=1, help="codes drawn from the prior")] = 1000,
) -> None:
    """Reconstruction, validity, scale of the codes, and speed of a space's autoencoder."""
    from supernas.methods.e2nas.autoencoder import load_autoencoder, load_pretrained, training_graphs
    from supernas.methods.e2nas.autoencoder.evaluation import evaluate

    where = spaces.get(space or DEFAULT_SPACE)
    model = load_autoencoder(file, where) if file else load_pretrained(where)
    measured = evaluate(model, training_graphs(where, model.settings), draws)
    _print_rows({name: str(value) for name, value in measured.tree().items()})


def _print_epoch(epoch: Any) -> None:
    print(f"epoch {epoch.number}/{epoch.epochs}  reconstruction {epoch.reconstruction:.4f} nats", file=sys.stderr)


# -- small things ------------------------------------------------------------------------------------------------------


def _architecture(text: str, space: str | None) -> tuple[str, Any, dict[str, Any]]:
    """(architecture text, space with its settings, defaults) of an argument that is a text, the folder of a run, or a
    record in one.
    """
    given = Path(text)
    there = len(text) <= 255 and given.is_dir()  # longer than the name of a file
    record = given / "result.json" if there else given
    if not there and given.suffix != ".json":
        if "/" in text and "|" not in text:
            raise UserError(f"there is no run folder {text}, and it is no architecture")
        return text, space, {}
    folder = record.parent
    if not record.is_file():
        raise UserError(
            f"{folder} holds no {record.name}: it is no run folder, or the run has not ended (use --resume)"
        )
    result, config = read_file(record), read_file(folder / "config.json")
    if not {"architecture", "space"} <= set(result):
        raise UserError(f"{record} names no architecture and space: it is not the record of a run")
    if space and space != result["space"]:
        raise UserError(f"{folder} is a run in the space {result['space']}, not {space}")
    defaults = {"data": config.get("data", {}), "train": {"preset": result.get("preset", "demo")}}
    return result["architecture"], config.get("space", result["space"]), defaults


def _count(text: str | None, option: str) -> int | None:
    """A number of parameters or multiply-adds: 3600000, 3.6M or 850k.

    Raises:
        UserError: if it is none.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,12}(?:\.\d{1,9})?)([kKmM]?)", text.strip())
    if not match or not float(match[1]):
        raise UserError(f"{option} {text}: wanted a number, such as 3600000, 3.6M or 850k")
    return round(float(match[1]) * {"": 1, "k": 1_000, "m": 1_000_000}[match[2].lower()])


def _headline(part: type) -> str:
    return (part.__doc__ or "").strip().splitlines()[0]


def _print_rows(rows: dict[str, str]) -> None:
    width = max(map(len, rows))
    for name, value in rows.items():
        out.print(f"{name:<{width}}  {value}", markup=False)


def _write_text(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None
