"""Where a search loses: signal, fidelity, optimisation and outcome of finished searches, each apart.

    python -m benchmarks.search_quality RUN... --benchmark nb201.safetensors --out runs/quality
    python -m benchmarks.search_quality search.toml --seeds 0 1 2 --benchmark nb201.safetensors --out runs/quality

A folder is a finished search; a file is a configuration, which is searched for each seed first. What was killed goes on
where it was when the same command is given again. Writes `search-quality.md` and `search-quality.json`.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch

from supernas.benchmarks import load
from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.core.files import write_atomically, write_json
from supernas.evaluation.recorded_search import RecordedSearch
from supernas.runs.configuration import fingerprint, merge, read_file, resolve_search
from supernas.runs.search import run_name

from .frozen import Frozen
from .links import Record, Sizes, Truth, measure
from .own_scale import own_accuracies, own_training
from .table import markdown

__all__ = ["label_rows", "main"]


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        _run(options)
    except UserError as error:
        sys.exit(f"error: {error}")


def _run(options: argparse.Namespace) -> None:
    table = load(options.benchmark)
    sizes = Sizes(**{field.name: getattr(options, field.name) for field in fields(Sizes)})
    for name, count in (("own", sizes.own_cells), ("noise", sizes.noise_cells)):
        if count > sizes.cells:
            raise UserError(f"--{name}-cells {count} are of the {sizes.cells} of --cells; give fewer, or more --cells")
    records: list[Record] = []
    for folder in _folders(options.sources, options.seeds, options.out):
        frozen = Frozen(folder, sizes.images, options.out / "kept" / folder.name)
        _say(f"{folder}: {frozen.config.method_name}, seed {frozen.config.search.seed}")

        def own(frozen: Frozen, architectures: Sequence[Architecture]) -> np.ndarray:
            _say(f"  training {len(architectures)} architectures from scratch, unless they are known")
            training = own_training(frozen.config, sizes.own_epochs)
            return own_accuracies(training, architectures, options.out / "own-scale")

        record = measure(frozen, Truth(table, frozen.space, options.truth), sizes, own)
        records.append({"configuration": fingerprint(frozen.config.document()), **record})
    label_rows(records)
    text = markdown(records)
    write_json(options.out / "search-quality.json", {"sizes": vars(sizes), "searches": records})
    write_atomically(options.out / "search-quality.md", lambda file: file.write(text.encode()))
    print(text, end="")


def _folders(sources: Sequence[Path], seeds: Sequence[int] | None, out: Path) -> Iterator[Path]:
    """The run folders of finished searches; what is a configuration is searched first."""
    if seeds is not None and not any(source.is_file() for source in sources):
        raise UserError("--seeds are of a configuration that is searched, and only run folders are given; leave it out")
    for source in sources:
        if not source.is_file():
            yield source
            continue
        for seed in seeds or [0]:
            config = resolve_search(merge(read_file(source), {"search": {"seed": seed}}))
            folder = out / "searches" / run_name(config, config.data.load().name)
            _say(f"searching {source.name}, seed {seed}, in {folder}")
            yield RecordedSearch(config, folder, resume=True).run().folder


def label_rows(records: list[Record]) -> None:
    """Names rows: method and objective, and the configuration where several share these."""
    for record in records:
        record["label"] = f"{record['method']}, {record['objective']}"
    for label in {record["label"] for record in records}:
        same = [record for record in records if record["label"] == label]
        if len({record["configuration"] for record in same}) > 1:
            for record in same:
                record["label"] = f"{label} ({record['configuration']})"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    shown = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("search_quality", description=__doc__, formatter_class=shown)
    parser.add_argument("sources", nargs="+", type=Path, metavar="RUN|CONFIG")
    parser.add_argument("--benchmark", type=Path, required=True, help="a table of `supernas benchmark import`")
    parser.add_argument("--out", type=Path, required=True, help="where all that is found is kept")
    parser.add_argument("--seeds", type=int, nargs="+", help="of the searches of a configuration (0)")
    parser.add_argument("--truth", default="cifar10 test 200 (train+valid)", help="the column that judges rankings")
    for name, default, least, meaning in (
        ("cells", 500, 3, "drawn for signal and fidelity"),
        ("own-cells", 80, 0, "of them trained from scratch; 0 leaves the split of fidelity out"),
        ("own-epochs", 12, 1, "of each of these trainings"),
        ("noise-cells", 20, 1, "of them over which the noise of a batch is averaged"),
        ("noise-batches", 40, 2, "over which it is a deviation"),
        ("starts", 6, 0, "of alpha on the frozen supernet; 0 leaves that out"),
        ("alpha-steps", 400, 1, "from each start"),
        ("random-cells", 1000, 3, "among which found ones are placed"),
        ("images", 1000, 2, "validation images of a loss or an accuracy"),
        ("threads", 1, 1, "of torch"),
    ):
        parser.add_argument(f"--{name}", type=_at_least(least), default=default, help=f"{meaning} ({default})")
    parser.add_argument("--above", type=float, default=90.0, help="truth, in percent, of the best cells (90)")
    parser.add_argument("--option", default="nor_conv_3x3", help="whose effect on ranks is shown (nor_conv_3x3)")
    return parser


def _at_least(least: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if (number := int(text)) < least:
            raise argparse.ArgumentTypeError(f"{number}: wanted {least} or more")
        return number

    return read


if __name__ == "__main__":
    main()
