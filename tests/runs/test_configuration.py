"""Documents: laid over each other, validated, and told apart."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supernas import spaces
from supernas.core.errors import UserError
from supernas.core.spelling import at_command_line
from supernas.runs import presets
from supernas.runs.configuration import (
    assign,
    fingerprint,
    merge,
    read_file,
    resolve_search,
    resolve_train,
)

CELL = spaces.get("nas-bench-201").format(spaces.get("nas-bench-201")[11472])


ARCHITECTURES = {
    "nas-bench-201": "11472",
    "darts-cnn": "EENAS",
    "darts-rnn": "DARTS_V1",
    **{f"nas-bench-1shot1-{number}": "3373" for number in (1, 2, 3)},
}
DATA = {"images": {"augmentation": {"cutout": 3}}, "text": {"bptt": 7}}


def of(section):
    """Every (space, preset) of a section."""
    return [(space, name) for space in spaces.names() for name in getattr(presets.get(space), section)]


def assigned(*assignments):
    document = {}
    for assignment in assignments:
        assign(document, assignment)
    return document


# --- resolving ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("space", "preset"), of("search"))
def test_a_preset_is_below_what_is_given(space, preset):
    config = resolve_search({"space": space, "search": {"preset": preset, "epochs": 7}})
    assert config.search.preset == preset
    assert config.search.epochs == 7
    for name, value in presets.get(space).search[preset]["supernet"].items():
        assert getattr(config.supernet, name) == value
    assert resolve_search({}).search.preset == "demo"


@pytest.mark.parametrize("space", spaces.names())
def test_a_space_has_the_common_presets_and_each_has_a_meaning(space):
    known = presets.get(space)
    assert {"demo", "cpu", "paper"} <= set(known.search) <= set(known.train)
    assert set(known.meanings) == set(known.train)


def test_a_preset_differs_for_mixtures_below_what_is_given():
    configs = [
        resolve_search({"method": method, "search": {"preset": "cpu", **search}})
        for method, search in (("random-nas", {}), ("darts", {}), ("darts", {"split": 0.7}))
    ]
    assert [config.supernet.reduction for config in configs] == ["shortcut", "residual", "residual"]
    paths, mixture, given = (config.search for config in configs)
    assert (paths.split, mixture.split, given.split) == (0.9, 0.5, 0.7)
    assert paths.epochs > mixture.epochs == given.epochs


@pytest.mark.parametrize(("space", "preset"), of("search"))
def test_a_complete_document_of_a_search_resolves_to_itself(space, preset):
    given_ = {
        "space": space,
        "method": {"name": "e2nas", "gamma": 0.25, "novelty": {"density": "kernel"}},
        "objective": {"epsilon": 0.2},
        "data": DATA[spaces.get(space).data_kind],
        "search": {"preset": preset, "seed": 5},
    }
    config = resolve_search(given_)
    document = json.loads(json.dumps(config.document()))
    again = resolve_search(document)
    assert again == config
    assert again.document() == document
    assert (again.method.gamma, again.method.novelty.density, again.objective.epsilon) == (0.25, "kernel", 0.2)
    assert merge(document["data"], given_["data"]) == document["data"]


@pytest.mark.parametrize(("space", "preset"), of("train"))
def test_a_complete_document_of_a_training_resolves_to_itself(space, preset):
    given_ = {"space": space, "architecture": ARCHITECTURES[space], "train": {"preset": preset}, "weights": {"clip": 1}}
    config = resolve_train(given_)
    assert config.architecture == config.space.parse(ARCHITECTURES[space])
    assert config.space.parse(config.text) == config.architecture
    document = json.loads(json.dumps(config.document()))
    assert resolve_train(document) == config
    assert resolve_train(document).document() == document


def test_a_method_brings_its_objective_and_refuses_what_is_the_objectives():
    assert resolve_search({"method": "e2nas"}).objective_name == "complementation"
    assert resolve_search({"method": "e2nas", "objective": "plain"}).objective_name == "plain"
    changed = resolve_search({"method": {"name": "e2nas", "gamma": 0.1}, "objective": {"epsilon": 0.3}})
    assert (changed.objective_name, changed.objective.epsilon, changed.method.gamma) == ("complementation", 0.3, 0.1)
    with pytest.raises(
        UserError, match=r"epsilon is a setting of objective complementation; give .*objective\.epsilon="
    ):
        resolve_search({"method": {"epsilon": 0.3}})


def test_resolving_does_not_change_what_was_given():
    document = {"method": {"name": "e2nas", "gamma": 0.3}, "objective": {}, "search": {"preset": "cpu"}}
    before = json.dumps(document)
    resolve_search(document)
    assert json.dumps(document) == before
    assert presets.get("nas-bench-201").search["cpu"]["supernet"] == {
        "channels": 16,
        "cells": 1,
        "reduction": "shortcut",
    }


@pytest.mark.parametrize("operations", ["S2", ["skip_connect", "sep_conv_3x3"]], ids=str)
def test_a_space_with_settings(operations):
    document = assigned("space=darts-cnn", f"space.operations={json.dumps(operations)}", "method=random-nas")
    config = resolve_search(document)
    assert config.space.choices[0].options == ("skip_connect", "sep_conv_3x3")
    written = json.loads(json.dumps(config.document()))
    assert written["space"] == {"name": "darts-cnn", "operations": operations, "inputs": "any"}
    assert resolve_search(written) == config
    assert resolve_search(written).space is config.space
    whole = resolve_search({"space": "darts-cnn", "method": "random-nas"})
    assert fingerprint(whole.document()) != fingerprint(config.document())
    assert resolve_search({}).document()["space"] == "nas-bench-201"


MISTAKES = [
    ({"serach": {}}, "unknown section 'serach'; did you mean 'search'?"),
    ({"space": "nasbench201"}, "unknown space 'nasbench201'; did you mean 'nas-bench-201'?"),
    ({"space": {"operations": "S2"}}, "space.operations: nothing can be set of the space nas-bench-201"),
    ({"space": {"name": "darts-cnn", "operation": "S2"}}, "unknown setting 'space.operation'; did you mean"),
    ({"space": {"name": "darts-cnn", "operations": "S5"}}, "space.operations = 'S5': wanted 'all', 'S1'"),
    ({"space": {"name": "darts-cnn", "operations": ["none", "skip"]}}, "space: unknown operation 'skip'; did you mean"),
    (
        {"space": {"name": "darts-cnn", "operations": ["none", "noise"]}},
        "space: operations are none, noise; wanted two",
    ),
    ({"space": "darts-cnn", "supernet": {"cells": 2}}, "supernet.cells = 2: wanted greater than or equal to 3"),
    ({"supernet": {"stem": "imagenet"}}, "unknown setting 'supernet.stem'"),
    ({"space": "darts-cnn", "search": {"preset": "imagenet"}}, "unknown preset 'imagenet'"),
    ({"method": "e2nsa"}, "unknown method 'e2nsa'; did you mean 'e2nas'?"),
    ({"objective": {"name": "complement"}}, "unknown objective 'complement'; did you mean 'complementation'?"),
    ({"search": {"preset": "cup"}}, "unknown preset 'cup'; did you mean 'cpu'?"),
    ({"search": {"epoch": 3}}, "unknown setting 'search.epoch'; did you mean 'search.epochs'?"),
    ({"method": {"gama": 0.5}}, "unknown setting 'method.gama'; did you mean 'method.gamma'?"),
    ({"objective": {"epsilon": 2}}, "objective.epsilon = 2: wanted less than or equal to 1"),
    ({"method": {"epsilon": 0.2}, "objective": "plain"}, "unknown setting 'method.epsilon'"),
    ({"weights": {"lr": 0}}, "weights.lr = 0: wanted greater than 0"),
    ({"search": {"batch_size": "many"}}, "search.batch_size = 'many': wanted a valid integer"),
    ({"data": {"augmentation": {"flipp": True}}}, "unknown setting 'data.augmentation.flipp'; did you mean"),
    ({"supernet": 3}, "supernet = 3: wanted settings, as in supernet.name=value"),
]


@pytest.mark.parametrize(("document", "message"), MISTAKES, ids=[str(document) for document, _ in MISTAKES])
def test_a_mistake_in_a_search(document, message):
    with pytest.raises(UserError) as error:
        resolve_search(document)
    assert str(error.value).startswith(message)
    assert len(str(error.value).splitlines()) == 1


MALFORMED = [
    {"search": "demo"},
    {"search": 3},
    {"search": {"preset": ["cpu"]}},
    {"method": 3},
    {"method": None},
    {"objective": [1]},
    {"space": 3},
    {"search": {"seed": 2**40}},
    {"search": {"seed": 2**70}},
]


@pytest.mark.parametrize("document", MALFORMED, ids=str)
def test_a_value_of_another_kind_than_a_name_or_settings(document):
    with pytest.raises(UserError) as error:
        resolve_search(document)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("text", [3.5, "|x~0|", "99999"])
def test_a_training_of_what_is_no_architecture(text):
    with pytest.raises(UserError, match=r"architecture = 3\.5|cannot read '\|x~0\|'|index 99999"):
        resolve_train({"architecture": text})


@pytest.mark.parametrize("document", [{}, {"architecture": "0", "train": "cpu"}], ids=str)
def test_a_malformed_training(document):
    with pytest.raises(UserError):
        resolve_train(document)


# --- documents ------------------------------------------------------------------------------------------------------


def test_assignments():
    assert assigned("method.gamma=0.5", "data.source=digits", "search.epochs=3", "data.directory=null") == {
        "method": {"gamma": 0.5},
        "data": {"source": "digits", "directory": None},
        "search": {"epochs": 3},
    }
    assert assigned("method.novelty.density=kernel") == {"method": {"novelty": {"density": "kernel"}}}
    assert assigned("data.source=a=b.npz") == {"data": {"source": "a=b.npz"}}


@pytest.mark.parametrize("order", [("method=e2nas", "method.gamma=1"), ("method.gamma=1", "method=e2nas")], ids=str)
def test_a_name_and_its_settings_in_any_order(order):
    assert assigned(*order) == {"method": {"name": "e2nas", "gamma": 1}}


@pytest.mark.parametrize("assignments", [("nonsense",), ("=3",), ("search.epochs=3", "search.epochs.x=4")], ids=str)
def test_what_assigns_nothing(assignments):
    with pytest.raises(UserError) as error:
        assigned(*assignments)
    assert str(error.value).startswith(f'set=["{assignments[-1]}"]: ')
    with at_command_line(), pytest.raises(UserError) as error:
        assigned(*assignments)
    assert str(error.value).startswith(f"--set {assignments[-1]}: ")


def test_merging():
    preset = {"search": {"epochs": 40, "batch_size": 64}, "method": {"name": "e2nas", "gamma": 1}}
    assert merge(preset, {"search": {"epochs": 3}}, {"method": {"gamma": 0}}) == {
        "search": {"epochs": 3, "batch_size": 64},
        "method": {"name": "e2nas", "gamma": 0},
    }
    assert merge({"method": "darts"}, {"method": {"gamma": 0}}) == {"method": {"name": "darts", "gamma": 0}}
    assert merge({"method": {"gamma": 0}}, {"method": "e2nas"}) == {"method": {"gamma": 0, "name": "e2nas"}}
    assert preset["search"]["epochs"] == 40


DOCUMENTS = st.dictionaries(
    st.sampled_from(["search", "data", "weights"]),
    st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers() | st.none()),
)


@given(DOCUMENTS, DOCUMENTS, DOCUMENTS)
def test_merging_is_associative_and_the_last_one_wins(a, b, c):
    merged = merge(a, b, c)
    assert merged == merge(merge(a, b), c) == merge(a, merge(b, c))
    assert all(merged[section][name] == value for section, values in c.items() for name, value in values.items())
    assert merge({}, a) == merge(a, {}) == merge(a, a) == a


def test_fingerprints():
    def mark(*assignments):
        return fingerprint(resolve_search(assigned(*assignments)).document())

    base = mark()
    assert base == mark("method=e2nas", "search.preset=demo")
    assert mark("search.seed=3") == mark("search.device=cpu") == mark("search.checkpoint_minutes=1") == base
    others = ["method.gamma=0.5", "objective=plain", "search.split=0.3", "weights.lr=1", "search.epochs=1"]
    assert len({base, *map(mark, others)}) == len(others) + 1
    assert len(base) == 8


def test_files(tmp_path):
    toml, text = tmp_path / "a.toml", tmp_path / "a.json"
    toml.write_text('[method]\nname = "e2nas"\ngamma = 0.5\n')
    text.write_text('{"method": {"name": "e2nas", "gamma": 0.5}}')
    assert read_file(toml) == read_file(text) == {"method": {"name": "e2nas", "gamma": 0.5}}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.toml", b"a = ", "is not valid TOML"),
        ("a.json", b"{", "is not valid JSON"),
        ("a.json", b"\xff\xfe", "is not valid JSON"),
        ("a.json", b"[1]", "holds no table of settings"),
        ("a.json", b'{"a":' * 100_000, "nested too deeply"),
        ("a.json", b'{"a":' * 50 + b"1" + b"}" * 50, "more than 20 levels"),
        ("a.toml", b"a = " + b"[" * 100_000, "nested too deeply"),
        ("a.toml", b"a." * 10_000 + b"b = 1", "more than 20 levels"),
        ("a.json", b'{"a": ' + b"9" * 5000 + b"}", "is not valid JSON"),
        ("a.json", None, "cannot read the configuration"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message) as error:
        read_file(tmp_path / name)
    assert str(tmp_path / name) in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("value", ["{}", "[]", '{"a": 1}', "9" * 5000, "1e308", "1e999", "NaN", "9" * 30])
@pytest.mark.parametrize(
    "setting", ["search.epochs", "search.seed", "search.preset", "supernet.channels", "weights.lr"]
)
def test_values_of_another_kind_or_size_are_a_users_error(setting, value):
    if (setting, value) == ("weights.lr", "1e308"):
        return  # it is a number, however unwise
    with pytest.raises(UserError, match=setting.rpartition(".")[2]):
        resolve_search(assigned(f"{setting}={value}"))


def test_names_are_not_nested_endlessly():
    with pytest.raises(UserError, match="10001 names"):
        assign({}, "a." * 10_000 + "b=1")


def test_what_stands_twice_in_a_file_is_refused(tmp_path):
    file = tmp_path / "a.json"
    file.write_text('{"search": {"epochs": 2, "epochs": 50}}')
    with pytest.raises(UserError, match=rf"^{file}: 'epochs' stands twice"):
        read_file(file)
