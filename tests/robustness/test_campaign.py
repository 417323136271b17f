"""Nothing that a stranger wrote does harm, and nothing is silently wrong: counted over damaged files of every kind."""

import pkgutil
from fnmatch import fnmatch
from pathlib import Path

import pytest

from supernas.benchmarks import importers
from supernas.data import formats

from .campaign import run
from .commands import COMMANDS, paths
from .door import Outcome
from .judge import FAULTS, Answer, Suspect, verdict_of
from .world import SECRET

CASES = 150
MANY = 1500


def _judged(campaign, seed, count):
    counts, faults, megabytes = run(campaign, seed, count)
    said = "\n".join(faults)
    assert not faults, f"{dict(counts)}\n{said}"
    assert counts["refused"] > counts["right"] > 0  # damage that nobody notices would be no damage
    return counts, megabytes


def test_every_command_shares_in_it(campaign):
    cases = list(campaign.cases(0, CASES))
    assert {case.command for case in cases} == set(COMMANDS)
    assert len({case.damage for case in cases}) >= 25
    assert list(map(str, cases)) == list(map(str, campaign.cases(0, CASES)))


def test_damaged_files_are_refused_in_one_line(campaign):
    _judged(campaign, 0, CASES)


@pytest.mark.slow
def test_many_more_of_another_seed(campaign, capsys):
    counts, megabytes = _judged(campaign, 1, MANY)
    with capsys.disabled():
        print(f"\n{MANY} damaged files: {dict(counts)}, at most {megabytes:.0f} MB above the start")


def test_the_judge_sees_each_fault(campaign):
    """A judge that calls everything right would prove nothing."""
    whole = Answer(Outcome(0, out="accuracy 1.0\n"), {"new/result.json": "1"})
    damaged = Suspect(Path("table.safetensors"))
    seen = {
        "hang": Outcome(None),
        "traceback": Outcome(1, err="supernas: a defect of supernas, not of what you gave: KeyError: 1\n"),
        "memory": Outcome(0, megabytes=501),
        "executed": Outcome(0, started=("subprocess.Popen 'gs'",)),
        "foreign": Outcome(0, out=SECRET),
        "terminal": Outcome(2, err="supernas: \x1b[31mred\n"),
        "not one line": Outcome(2, err="supernas: one\nsupernas: two\n"),
        "silently wrong": Outcome(0, out="accuracy 2.0\n"),
        "refused": Outcome(2, err="supernas: it is damaged\n"),
        "right": whole.outcome,
    }
    judged = {
        wanted: verdict_of(damaged, Answer(outcome, whole.written), whole, campaign.world)
        for wanted, outcome in seen.items()
    }
    assert judged == {wanted: wanted for wanted in seen}
    assert set(FAULTS) == set(seen) - {"refused", "right"}
    for written in ({}, {"new/result.json": "2"}, {**whole.written, "new/more": "1"}):
        assert verdict_of(damaged, Answer(whole.outcome, written), whole, campaign.world) == "silently wrong"
        gone = Suspect(damaged.file, gone=True)
        assert verdict_of(gone, Answer(whole.outcome, written), whole, campaign.world) == "right"


def test_what_a_configuration_says_is_what_the_run_did(tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "small.json").write_text('{"method": "darts", "train": {"epochs": 3}}')
    whole = Answer(Outcome(0))
    for config, verdict in {
        '{"method": {"name": "darts"}, "train": {"epochs": 3, "seed": 0}}': "right",
        '{"method": {"name": "darts"}, "train": {"epochs": 1, "seed": 0}}': "silently wrong",
        '{"method": {"name": "darts"}, "train": {"seed": 0}}': "silently wrong",
    }.items():
        (tmp_path / "new" / "config.json").write_text(config)
        assert verdict_of(Suspect(Path("small.json"), own=True), whole, whole, tmp_path) == verdict


# -- what takes part ---------------------------------------------------------------------------------------------------

UNREAD = {"log.txt", "claim.json", "table.csv", "table.tex"}
"""Written for people, or tested where processes are killed."""
FORMATS = {
    "cifar": "cifar/*",
    "folder": "images/*",
    "idx": "idx/*",
    "npz": "arrays.npz",
    "text_folder": "texts/*",
    "pickled": "cifar/*",
    "image_file": "images/*",
    "image_files": "images/*",
    "csv_table": "accuracies.csv",
    "nas_bench_101": "nasbench_only108.tfrecord",
    "nas_bench_201": "official.pth",
    "nats": "NATS-*",
    "tfrecord": "nasbench_only108.tfrecord",
}
NO_FILES = {"arrays", "base", "crc32c", "digits", "official", "protobuf", "python_docs"}
"""Rules of others, and data of installed packages."""
OTHERS = {"imagenet16"}  # read as the batches of CIFAR are, and tested beside them


def test_every_command_takes_part():
    assert {one.path for one in COMMANDS} == set(paths())


def test_every_kind_of_file_that_the_commands_write_or_read_is_damaged(campaign):
    files = {path for path in campaign.world.rglob("*") if path.is_file()}
    damaged = {campaign.world / file for one in COMMANDS for file in campaign.files(one)}
    assert {path.name for path in files} - {path.name for path in damaged} == UNREAD


def test_every_reader_of_data_and_every_importer_takes_part(campaign):
    there = {module.name for package in (formats, importers) for module in pkgutil.iter_modules(package.__path__)}
    assert there == {*FORMATS, *NO_FILES, *OTHERS}
    for pattern in FORMATS.values():
        assert any(fnmatch(pattern, read) or fnmatch(read, pattern) for one in COMMANDS for read in one.reads), pattern
