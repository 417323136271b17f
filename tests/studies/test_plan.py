"""Study files: which searches they mean, and what is refused, in one line."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import supernas
from supernas.core.documents import flattened
from supernas.core.errors import UserError
from supernas.studies.grid import combinations, grid_values, label, nested, varying
from supernas.studies.plan import read_study
from supernas.studies.results import Truth

DOCS = Path(__file__).parents[2] / "docs"

RANDOM = {"label": "RandomNAS", "method": "random-nas"}
E2NAS = {"label": "E2NAS", "method": {"name": "e2nas", "gamma": 0.5}}


def labels(**study):
    return [row.label for row in read_study(study).rows]


# -- grids -------------------------------------------------------------------------------------------------------------

WORDS = st.text("abc,= 1", min_size=1, max_size=4).map(str.strip).filter(bool)
VALUES = WORDS | st.integers(-3, 3) | st.floats(0, 1) | st.booleans() | st.none()
NAMES = st.sampled_from(["method", "objective.name", "objective.epsilon", "weights.lr", "weights.lr_min", "data.lr"])
GRIDS = st.dictionaries(NAMES, st.lists(VALUES, min_size=1, max_size=3, unique_by=json.dumps), min_size=1, max_size=4)


@given(GRIDS)
def test_a_grid_is_every_combination_once(grid):
    values = grid_values(grid)
    assert values == grid_values(json.loads(json.dumps(nested(values)))) == grid  # flat or nested, the same grid
    made = combinations(values)
    size = 1
    for several in grid.values():
        size *= len(several)
    assert len({json.dumps(one) for one in made}) == len(made) == size
    for one in made:
        assert all(any(value is given for given in grid[name]) for name, value in one.items())
        assert dict(flattened(nested(one))) == one
    assert made == [] or made[0] == {name: several[0] for name, several in grid.items()}


@given(GRIDS.filter(lambda grid: not any(isinstance(one, str) for several in grid.values() for one in several)))
def test_labels_tell_combinations_apart(grid):
    names = varying(grid)
    made = [label(one, names) for one in combinations(grid)]
    assert len(set(made)) == len(made)
    assert all(one and one == " ".join(one.split()) for one in made)


def test_labels_are_short():
    grid = {"method": ["a", "b"], "objective": ["c", {"name": "d", "beta": 2}], "search.epochs": [3], "weights.lr": [1]}
    assert [label(one, varying(grid)) for one in combinations(grid)] == ["a, c", "a, d beta=2", "b, c", "b, d beta=2"]
    clash = {"weights.lr": [1, 2], "alpha.lr": [3, 4], "alpha.beta": [0.5, 0.6]}
    assert label(combinations(clash)[0], varying(clash)) == "weights.lr=1, alpha.lr=3, beta=0.5"
    assert label({"method": "a"}, varying({"method": ["a"]})) == "a"


# -- what a file means -------------------------------------------------------------------------------------------------


def test_rows_are_laid_over_what_they_share():
    study = read_study(
        {
            "name": "s",
            "seeds": [3, 5],
            "baseline": "E2NAS",
            "common": {"search": {"epochs": 7}, "objective": "plain"},
            "run": [
                {**RANDOM, "cost": 2, "seeds": [1]},
                {**E2NAS, "search": {"batch_size": 9}},
                {"method": "random-nas", "objective": {"name": "complementation", "epsilon": 0.25}},
            ],
        }
    )
    first, second, third = study.rows
    assert [(run.label, run.seed, run.config.search.seed) for run in first.runs] == [("RandomNAS", 1, 1)]
    assert (first.cost, second.cost) == (2.0, None)
    assert [run.config.search.seed for run in second.runs] == [3, 5]
    assert (second.config.search.epochs, second.config.search.batch_size, second.config.method.gamma) == (7, 9, 0.5)
    assert {row.config.objective_name for row in study.rows} == {"plain", "complementation"}
    assert third.label == "random-nas, complementation, epsilon=0.25"
    # one seed of each row first
    assert [(run.label, run.seed) for run in study.runs] == [
        ("RandomNAS", 1),
        ("E2NAS", 3),
        (third.label, 3),
        ("E2NAS", 5),
        (third.label, 5),
    ]
    assert len({run.name for run in study.runs}) == 5


def test_a_grid_is_added_and_what_cannot_run_is_listed():
    study = read_study(
        {
            "run": [
                {"label": "mine", "method": "random-nas", "objective": {"name": "complementation", "epsilon": 0.5}}
            ],
            "grid": {
                "method": ["random-nas", "e2nas"],
                "objective": ["plain", "complementation"],
                "objective.epsilon": [0.2, 0.5],
            },
        }
    )
    assert [row.label for row in study.rows] == [
        "mine",
        "random-nas, complementation, epsilon=0.2",
        "e2nas, complementation, epsilon=0.2",
        "e2nas, complementation, epsilon=0.5",
    ]
    reasons = {one.label: one.reason for one in study.skipped}
    assert len(reasons) == 5
    assert "unknown setting 'objective.epsilon'" in reasons["e2nas, plain, epsilon=0.2"]
    assert reasons["random-nas, complementation, epsilon=0.5"] == "it is the same search as 'mine'"


def test_files(tmp_path):
    file = tmp_path / "two_seeds.toml"
    file.write_text(
        'seeds = [0, 1]\n[grid]\nmethod = ["random-nas"]\n'
        'objective.epsilon = [0.2]\nobjective.name = ["complementation"]\n'
    )
    study = read_study(file)
    assert study.settings.name == "two_seeds"
    assert [row.label for row in study.rows] == ["random-nas, epsilon=0.2, complementation"]
    again = tmp_path / "study.json"
    again.write_text(json.dumps(study.document))
    assert [run.name for run in read_study(again).runs] == [run.name for run in study.runs]
    assert read_study(again).settings == study.settings


def test_the_documented_study_is_one(tmp_path):
    (block,) = re.findall(r"```toml\n(.*?)```", (DOCS / "guides" / "studies.md").read_text(encoding="utf-8"), re.DOTALL)
    file = tmp_path / "documented.toml"
    file.write_text(block, encoding="utf-8")
    study = read_study(file)
    assert [row.label for row in study.rows] == [
        "RandomNAS",
        "E2NAS",
        "gamma=0, plain",
        "gamma=0, complementation",
        "gamma=0.5, plain",
        "gamma=0.5, complementation",
    ]
    assert study.skipped == ()


# -- what is refused ---------------------------------------------------------------------------------------------------

MISTAKES = [
    ({}, "the study has no [[run]] and no [grid]"),
    ({"seed": [0]}, "unknown setting 'seed'; did you mean 'seeds'?"),
    ({"run": [RANDOM], "seeds": []}, "study.seeds = []: "),
    ({"run": [RANDOM], "seeds": "all"}, "study.seeds = 'all': "),
    ({"run": [RANDOM], "seeds": [1, 1]}, "run 'RandomNAS': seeds = [1, 1]: wanted each of them once"),
    ({"run": [RANDOM], "seeds": [-1]}, "run 'RandomNAS': search.seed = -1: wanted greater than or equal to 0"),
    ({"run": [RANDOM], "name": "a/b"}, "study.name = 'a/b': "),
    ({"run": RANDOM}, "run: wanted one table a row, each under [[run]] in double brackets"),
    ({"run": [{**RANDOM, "lable": "x"}]}, "run 'RandomNAS': unknown setting 'lable'; did you mean 'label'?"),
    ({"run": [{"method": "random-nas", "cots": 1}]}, "run 1: unknown setting 'cots'; did you mean 'cost'?"),
    ({"run": [{**RANDOM, "cost": "much"}]}, "run 'RandomNAS'.cost = 'much': "),
    ({"run": [{**RANDOM, "label": ""}]}, "run ''.label = '': "),
    ({"run": [{**RANDOM, "method": "random-nsa"}]}, "run 'RandomNAS': unknown method 'random-nsa'; did you mean"),
    ({"run": [{**E2NAS, "weights": {"lr": 0}}]}, "run 'E2NAS': weights.lr = 0: wanted greater than 0"),
    ({"run": [{**RANDOM, "search": {"seed": 3}}]}, "run 'RandomNAS': search.seed is not for a study"),
    ({"run": [RANDOM], "common": {"serach": {}}}, "common: unknown setting 'serach'; did you mean 'search'?"),
    ({"run": [RANDOM], "common": "demo"}, "common = 'demo': wanted settings"),
    ({"run": [RANDOM, {**E2NAS, "label": "RandomNAS"}]}, "two rows are called 'RandomNAS'"),
    ({"run": [RANDOM, {**RANDOM, "label": "again"}]}, "run 'again' is the same search as 'RandomNAS'"),
    ({"run": [RANDOM, E2NAS], "baseline": "E2NSA"}, "unknown baseline 'E2NSA'; did you mean 'E2NAS'?"),
    ({"grid": {"method": "e2nas"}}, "grid: method = 'e2nas': wanted a list of values"),
    ({"grid": {"method": []}}, "grid: method = []: wanted a list of values"),
    ({"run": [RANDOM], "seeds": list(range(200_000))}, "the study has 200,000 searches"),
    ({"run": [{**RANDOM, "seeds": list(range(10_001))}]}, "the study has 10,001 searches"),
    ({"run": [RANDOM] * 10_001}, "the study has 10,001 searches"),
    ({"grid": {"search.epochs": list(range(1, 10_002))}}, "the study has 10,001 searches"),
    ({"grid": {f"search.x{n}": list(range(10)) for n in range(500)}}, "the study has more than a million million"),
    ({"run": [RANDOM], "seeds": [0, 10**30]}, "run 'RandomNAS': search.seed = 1000000000000000000000000000000...: "),
    ({"grid": [1]}, "grid = [1]: wanted lists of values"),
    ({"grid": {"method": ["e2nas", "e2nas"]}}, 'grid: method has "e2nas" twice'),
    ({"grid": {"methods": ["e2nas"]}}, "grid: unknown setting 'methods'; did you mean 'method'?"),
    ({"grid": {"search.seed": [1]}}, "grid: search.seed is not for a study"),
    ({"grid": {"method": ["e2nas", "random-nsa"]}}, "grid: random-nsa: unknown method 'random-nsa'; did you mean"),
    ({"grid": {"objective.epsilom": [0.2]}}, "grid: epsilom=0.2: unknown setting 'objective.epsilom'; did you mean"),
    (
        {"grid": {"method": ["random-nas"], "objective.epsilon": [0.2]}},
        "grid: no combination can run; random-nas, epsilon=0.2: unknown setting 'objective.epsilon'",
    ),
]


@pytest.mark.parametrize(("study", "message"), MISTAKES, ids=[message for _, message in MISTAKES])
def test_a_mistake_is_one_line(study, message):
    with pytest.raises(UserError) as error:
        read_study(study)
    assert str(error.value).startswith(message)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("given", [{"workers": 2}, {"threads": 2}, {"executor": "ray"}, {"address": "somewhere"}])
def test_who_runs_nothing_needs_nothing_to_run_it(given, tmp_path):
    (name,) = given
    with pytest.raises(UserError, match=f"table_only runs nothing, so {name} has no effect"):
        supernas.study({"run": [RANDOM]}, out=tmp_path / "out", table_only=True, **given)
    assert not (tmp_path / "out").exists()


def test_a_setting_without_effect_is_refused_where_it_has_none_in_any_row():
    ablated = {"label": "no novelty", "method": {"gamma": 0}}
    common = {"method": {"name": "e2nas", "archive_size": 9}}
    rows = {"common": common, "run": [{"label": "novelty"}, ablated]}
    assert [row.config.method.archive_size for row in read_study(rows).rows] == [9, 9]
    assert len(read_study({"common": common, "grid": {"method.gamma": [0, 0.5]}}).rows) == 2
    useless = [
        {"common": common, "run": [ablated]},
        {"common": common, "grid": {"method.gamma": [0, 0.0]}},
        {"run": [RANDOM, {"method": {"name": "e2nas", "gamma": 0, "archive_size": 9}}]},
    ]
    for study in useless:
        with pytest.raises(UserError, match=r"^method.archive_size has no effect with gamma=0; leave it out"):
            read_study(study)


def test_a_benchmark_that_does_not_fit(table_file, tmp_path):
    for study, message in (
        ({"benchmark": str(tmp_path / "none.safetensors")}, r"none\.safetensors"),
        (
            {"benchmark": str(table_file), "truth": ["cifar10 test 20 (train)"]},
            r"did you mean 'cifar10 test 200 \(train\)'",
        ),
        ({"truth": ["cifar10 test 200 (train)"]}, "the study has none; add benchmark"),
    ):
        with pytest.raises(UserError, match=message) as error:
            Truth.of(read_study({"run": [RANDOM], **study}))
        assert len(str(error.value).splitlines()) == 1
    chosen = Truth.of(
        read_study({"run": [RANDOM], "benchmark": str(table_file), "truth": ["cifar10 valid 12 (train)"]})
    )
    assert list(chosen.columns) == ["cifar10 valid 12 (train)"]
    usual = Truth.of(read_study({"run": [RANDOM], "benchmark": str(table_file)}))
    assert sorted(name.split()[1] for name in usual.columns) == ["test"] * 3


def test_the_seeds_of_a_row_are_checked_once_and_kept_apart():
    study = read_study({"run": [RANDOM], "seeds": list(range(10_000))})
    assert [run.config.search.seed for run in study.runs] == list(range(10_000))
    assert len({run.name for run in study.runs[:50]}) == 50
