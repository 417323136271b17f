"""Whom to cite: every paper whose part took part in a run, whatever package it is of, and no other."""

import ast
import itertools
import json
import re
import sys
from pathlib import Path

import pytest
import typer.testing

import supernas
from installed import installed
from supernas import methods, proxies, spaces
from supernas.cli import app
from supernas.core import registry
from supernas.core.errors import UserError
from supernas.core.records import write_record
from supernas.core.references import references
from supernas.evaluation.selection import selectors
from supernas.output.citations import cite
from supernas.runs import diagnostics, stopping
from supernas.runs.configuration import resolve_search, resolve_train
from supernas.steps import objectives, regularisers

NB201, DARTS = "dong2020nasbench201", "liu2019darts"
ZELA, MERITY, ZERO_COST = "zela2020understanding", "merity2018regularizing", "abdelfattah2021zerocost"
NO_PAPER = {"plain", "none", "never", "entropy", "ranks", "top-k"}


def run_of(folder, document, resolve=resolve_search):
    """A run that has just begun."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(resolve(document).document()))
    return folder


def keys(text):
    return set(re.findall(r"^@\w+\{([^,]+),", text, re.MULTILINE)) - {"supernas"}


@pytest.mark.parametrize(
    ("document", "wanted"),
    [
        ({"method": "gdas"}, {NB201, "dong2019searching"}),
        ({"method": "gdas", "objective": "nsas"}, {NB201, "dong2019searching", "zhang2020overcoming"}),
        ({}, {NB201, "zhang2020differentiable", "zhang2019dvae", "pidhorskyi2018generative"}),
        (
            {"method": {"name": "e2nas", "relaxation": "softmax", "gamma": 0.0, "warmup": 0.0}, "objective": "plain"},
            {NB201, "zhang2020differentiable"},
        ),
        ({"method": "random-nas"}, {NB201, "li2019random"}),
        ({"method": {"name": "random-nas", "sampling": "fair"}}, {NB201, "li2019random", "chu2021fairnas"}),
        ({"method": "balenas"}, {NB201, "zhang2022balenas", "khan2018fast", DARTS}),
        (
            {"method": {"name": "balenas", "inference": "backprop", "base": "pc-darts"}},
            {NB201, "zhang2022balenas", "blundell2015weight", "xu2020pcdarts"},
        ),
        (
            {"method": {"name": "tetlo", "base": "drnas", "transfer": {"form": "logits"}}},
            {NB201, "sheth2023improving", "chen2021drnas", "hinton2015distilling"},
        ),
        ({"method": {"name": "zero-cost", "proxy": "zico"}}, {NB201, ZERO_COST, "li2023zico"}),
        (
            {"method": {"name": "zero-cost", "proxy": "ensemble", "settings": {"of": ["zen", "naswot"]}}},
            {NB201, ZERO_COST, "lee2024aznas", "chen2021neural", "lin2021zennas", "mellor2021neural"},
        ),
        ({"method": "darts", "budget": {"max_flops": 3e7}}, {NB201, DARTS, "cai2019proxylessnas"}),
        ({"method": "darts", "watch": {"hessian": {}, "depth": {}}}, {NB201, DARTS, ZELA, "shu2020understanding"}),
        ({"method": "darts", "space": {"name": "darts-cnn", "operations": "S2"}}, {DARTS, ZELA}),
        ({"method": "darts", "space": "darts-cnn", "stopping": "skips"}, {DARTS, "liang2019darts"}),
        ({"method": "darts", "space": "darts-cnn"}, {DARTS}),
        ({"method": "darts", "space": "darts-rnn"}, {DARTS, MERITY}),
        ({"method": "beta-darts"}, {NB201, "ye2022betadarts"}),
        ({"method": "gdas", "regulariser": "oles"}, {NB201, "dong2019searching", "jiang2023operationlevel"}),
        ({"method": "p-darts"}, {NB201, "chen2019progressive"}),
        ({"method": "robust-darts"}, {NB201, ZELA}),
        (
            {"method": {"name": "robust-darts", "regularisation": "drop-path"}},
            {NB201, ZELA, "larsson2017fractalnet"},
        ),
        ({"method": "random-nas", "supernet": {"few_shot": 1}}, {NB201, "li2019random", "zhao2021fewshot"}),
    ],
    ids=lambda given: str(sorted(given) if isinstance(given, set) else given),  # a set has no order of its own
)  # fmt: skip
def test_what_a_search_used_and_nothing_else(tmp_path, document, wanted):
    assert keys(cite(run_of(tmp_path, document))) == wanted


def test_a_training(tmp_path):
    document = {"space": "darts-cnn", "architecture": "DARTS_V2"}
    assert keys(cite(run_of(tmp_path / "a", document, resolve_train))) == {DARTS}
    document["weights"] = {"patience": 3}
    assert keys(cite(run_of(tmp_path / "b", document, resolve_train))) == {DARTS, MERITY}


def test_each_paper_once_with_all_its_users_and_authors(tmp_path):
    text = cite(run_of(tmp_path / "a", {}), run_of(tmp_path / "b", {"method": "gdas"}))
    assert text.count("zhang2020differentiable") == 1
    assert "% method e2nas, objective complementation\n@inproceedings{zhang2020differentiable,\n" in text
    assert "author = {M. Zhang and H. Li and " in text
    assert text.startswith("@software{supernas,")
    assert text.count("{") == text.count("}")


def test_a_study_is_its_runs(tmp_path):
    run_of(tmp_path / "gdas-0", {"method": "gdas"})
    run_of(tmp_path / "snas-0", {"method": "snas"})
    assert keys(cite(tmp_path)) == {NB201, "dong2019searching", "xie2019snas"}


def test_what_was_asked_later_took_part_too(tmp_path):
    run = run_of(tmp_path, {"method": "gdas"})
    how = {"by": "ranks", "proxy": "zen", "batch_size": 8, "seed": 0, "supernet": "x"}
    write_record(run / "derive-ranks-12345678.json", {"how": how})
    write_record(run / "correlation-x.json", {"rankings": {"supernet": {}, "parameters": {}, "naswot": {}}})
    assert keys(cite(run)) == {NB201, "dong2019searching", "lin2021zennas", "mellor2021neural"}


def test_a_model_of_ones_own_is_nobodys_paper(tmp_path):
    document = resolve_search({"method": "gdas"}).document() | {"space": {"name": "mine", "choices": {"a": ["x", "y"]}}}
    (tmp_path / "config.json").write_text(json.dumps(document))
    assert keys(cite(tmp_path)) == {"dong2019searching"}


PLUG_IN = '''"""Two losses.{module}"""
from supernas.core.settings import setting, settings
from supernas.steps.objectives.nsas import NSAS
from supernas.steps.objectives.plain import Plain

@settings
class One(Plain):
    """One.{one}"""
    strength: float = setting(0.0, "of what another paper has", papers='B. Bee, "Strong Losses", ICML 2025')

@settings
class Two(NSAS):
    """Two."""
'''


@pytest.fixture
def plug_in(tmp_path, monkeypatch):
    def made(**docs):
        entries = {"one": "of_others:One", "two": "of_others:Two"}
        site = installed(tmp_path / "site", "of-others", {"of_others": PLUG_IN.format(**docs)}, entries)
        monkeypatch.syspath_prepend(site)

    monkeypatch.setattr(registry, "_said", set())
    yield made
    sys.modules.pop("of_others", None)


def test_parts_of_other_packages_are_asked_alike(tmp_path, plug_in):
    plug_in(module="", one=' See A. Author and C. Dee, "A Loss\n    That Helps", ICLR 2024 (Eq. 1).')
    document = {"method": "gdas", "objective": "one"}
    assert keys(cite(run_of(tmp_path / "a", document))) == {NB201, "dong2019searching", "author2024loss"}
    document["objective"] = {"name": "one", "strength": 0.5}
    strong = {NB201, "dong2019searching", "author2024loss", "bee2025strong"}
    assert keys(cite(run_of(tmp_path / "b", document))) == strong
    document["objective"] = "two"  # names none, and stands on a part that does
    assert keys(cite(run_of(tmp_path / "c", document))) == {NB201, "dong2019searching", "zhang2020overcoming"}


def test_a_module_may_name_the_paper_of_its_part(tmp_path, plug_in):
    plug_in(module=' A. Author, "Of Losses", 2026.', one="")
    run = run_of(tmp_path / "run", {"method": "gdas", "objective": "one"})
    assert "@misc{author2026losses" in cite(run)
    assert "% objective one\n" in cite(run)


def test_a_package_that_is_gone_is_named(tmp_path, plug_in, monkeypatch):
    plug_in(module="", one="")
    run = run_of(tmp_path / "run", {"method": "gdas", "objective": "one"})
    monkeypatch.undo()
    with pytest.raises(UserError, match="of-others"):
        cite(run)


@pytest.mark.parametrize("kind", [methods, proxies, objectives, regularisers, stopping, diagnostics, spaces, selectors])
def test_every_part_names_its_paper(kind):
    silent = {name for name in kind.PARTS.own() if not references(sys.modules[kind.get(name).__module__].__doc__)}
    assert silent <= NO_PAPER


def test_the_command_prints_it_and_refuses_what_is_no_run(tmp_path):
    run = run_of(tmp_path / "run", {"method": "gdas"})
    done = typer.testing.CliRunner().invoke(app.app, ["cite", str(run), str(run)])
    assert done.exit_code == 0
    assert done.output.strip() == cite(run)
    for nothing in (tmp_path / "missing", run / "config.json"):
        with pytest.raises(UserError, match=r"there is no folder|no run and no study"):
            cite(nothing)


def test_a_paper_has_one_title_wherever_it_is_named():
    root = Path(supernas.__file__).parent
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in root.rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    docs = [ast.get_docstring(node) for node in nodes if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)]
    marks = sorted({paper.mark for doc in docs for paper in references(doc)})
    assert len(marks) > 40
    shortened = [(one, other) for one, other in itertools.combinations(marks, 2) if other[0].startswith(one[0])]
    assert [(one, other) for one, other in shortened if one[1] == other[1]] == []
