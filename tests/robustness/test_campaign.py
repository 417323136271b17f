"""Nothing that a stranger wrote does harm, and nothing is silently wrong: counted over damaged files of every kind."""

from dataclasses import replace

import pytest

from .campaign import COMMANDS, FAULTS, run, verdict_of
from .door import Outcome
from .world import SECRET

CASES = 300
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
    case = next(campaign.cases(0, 1))
    folder = campaign.world
    whole = Outcome(0, out="accuracy 1.0\n")
    sealed = replace(case, command=replace(case.command, sealed=("*",)))
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
        "right": whole,
    }
    assert {wanted: verdict_of(sealed, outcome, whole, folder) for wanted, outcome in seen.items()} == {
        wanted: wanted for wanted in seen
    }
    assert set(FAULTS) == set(seen) - {"refused", "right"}
