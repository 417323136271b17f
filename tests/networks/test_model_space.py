"""A user's own model: choices make a space, every method searches it, and plain modules come out."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import supernas
from runs_toy import left_behind
from supernas import methods
from supernas.core.errors import UserError
from supernas.networks.model import Choice
from supernas.runs.averaging import MovingAverage
from supernas.steps.contracts import Differentiable

EXAMPLES = Path(__file__).parents[2] / "examples"


class Net(nn.Module):
    """Choices of two and of three options; one of them is used twice."""

    def __init__(self):
        super().__init__()
        self.first = Choice("first", {"wide": nn.Linear(4, 6), "deep": nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 6))})
        middle = {"relu": nn.ReLU(), "tanh": nn.Tanh(), "norm": nn.BatchNorm1d(6)}
        self.middle = Choice("middle", middle)
        self.last = nn.Linear(6, 1)

    def forward(self, x):
        return self.last(self.middle(self.middle(self.first(x)))).squeeze(1)


SPACE = supernas.ModelSpace(Net)
ARCHITECTURES = st.sampled_from(list(SPACE))
X = torch.randn(40, 4, generator=torch.Generator().manual_seed(0))
DATA = (X, X.sum(dim=1).sin())
TOY = {"space": SPACE, "data": DATA, "epochs": 2, "set": ["search.batch_size=8", "search.validation_images=8"]}
QUICK = {
    "tetlo": {"method": {"auxiliary": {"network": "searched"}, "transfer": {"qrs": {"similarity": "dot"}}}},
    "e2nas": {"method": {"autoencoder": {"graphs": 64, "epochs": 1, "latent": 2}}},
}


def supernet(**settings):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return SPACE.supernet(**settings).double()


def test_the_space():
    assert (SPACE.name, SPACE.size, len(SPACE), SPACE.shapes) == ("net", 6, 6, {"model": (2, 3)})
    assert SPACE.format(SPACE.parse("middle=tanh, first=wide")) == "first=wide, middle=tanh"
    assert SPACE.document()["choices"] == {"first": ["wide", "deep"], "middle": ["relu", "tanh", "norm"]}


@given(ARCHITECTURES)
def test_text_genes_and_graph_are_inverse(architecture):
    assert SPACE.contains(architecture)
    assert SPACE.parse(SPACE.format(architecture)) == architecture
    assert SPACE.from_genes(SPACE.genes(architecture)) == architecture
    assert SPACE.from_graphs(SPACE.to_graphs(architecture)) == architecture
    assert SPACE.derive(SPACE.matrices(architecture)) == architecture


def test_one_forward_for_supernet_and_plain_module():
    """Exact to 1e-10: the active path, the same as a 0/1 mixture, the stand-alone network, the plain module."""
    network, x = supernet(), X.double()
    for architecture in SPACE:
        W = {"model": torch.from_numpy(SPACE.matrices(architecture)["model"])}
        path = network(x, active=architecture.pairs).prediction
        model = SPACE.build(architecture, weights=network).double()
        assert not any(isinstance(module, Choice) for module in model.modules())
        for other in (network(x, W).prediction, model(x)):
            assert torch.allclose(path, other, rtol=0, atol=1e-10)
    first = Net().first.options["deep"]
    assert [name for name, _ in SPACE.build("first=deep, middle=norm").first.named_parameters()] == [
        name for name, _ in first.named_parameters()
    ]


@pytest.mark.parametrize("unselected", ["skip", "scalar", "run"])
def test_gradient_to_options_that_do_not_run(unselected):
    network, x = supernet(), X.double()
    architecture = SPACE.parse("first=wide, middle=relu")
    hard = torch.from_numpy(SPACE.matrices(architecture)["model"]).requires_grad_()
    loss = network(x, {"model": hard}, architecture.pairs, unselected=unselected).prediction.square().sum()
    (found,) = torch.autograd.grad(loss, [hard])
    whole = hard.detach().requires_grad_()
    (full,) = torch.autograd.grad(network(x, {"model": whole}).prediction.square().sum(), [whole])
    # `middle` is used twice: what reaches its entries is the sum over both uses in either form
    assert torch.allclose(found[0, 0], full[0, 0])
    assert (found[0, 1] != 0) == (unselected != "skip")
    if unselected == "run":
        assert torch.allclose(found, full)
    network.zero_grad()
    network(x, active=architecture.pairs).prediction.sum().backward()
    assert network.model.first.options["deep"][0].weight.grad is None


@pytest.mark.parametrize("name", [name for name in methods.names() if name not in ("p-darts", "pc-darts", "zero-cost")])
def test_every_method_searches_it_and_resumes(tmp_path, monkeypatch, name):
    monkeypatch.setenv("SUPERNAS_CACHE", str(tmp_path / "cache"))
    arguments = {**TOY, "method": name, "config": QUICK.get(name, {}), "device": "cpu"}
    found = supernas.search(**arguments, out=tmp_path / "whole")
    assert SPACE.contains(found.architecture)
    stopped = supernas.Search(**arguments, out=tmp_path / "parts", on_step=lambda p, _: p.step == 2 and stopped.stop())
    with pytest.raises(KeyboardInterrupt):
        stopped.run()
    again = supernas.search(**arguments, out=tmp_path / "parts", resume=True)
    assert left_behind(again.folder) == left_behind(found.folder)


def test_every_option_of_a_mixture_moves_alpha(tmp_path):
    for name in methods.names():
        method = methods.get(name)
        if issubclass(method, Differentiable) and name not in ("p-darts", "pc-darts", "gdas"):
            search = supernas.Search(**TOY, method=name, config=QUICK.get(name, {}), out=tmp_path / name, device="cpu")
            before = {key: one.detach().clone() for key, one in search.config.method.alpha(search.state.method).items()}
            search.run()
            after = search.config.method.alpha(search.state.method)
            moved = [(after[key] != before[key]) for key in before if before[key].shape == (2, 3)]
            assert all(bool(one[SPACE.matrices(next(iter(SPACE)))["model"].shape[0] - 1].all()) for one in moved)


def test_trainings_and_weights(tmp_path):
    data = supernas.Data(train=DATA, test=(X[:10].numpy(), DATA[1][:10].numpy()), augment=noisy)
    result = supernas.train("first=deep, middle=norm", space=SPACE, data=data, epochs=2, out=tmp_path, device="cpu")
    assert result.record["metric"] == "mean_squared_error"
    assert result.test_metric == result.record["test_error"]
    loaded = SPACE.build(result.text, weights=tmp_path / "weights.safetensors").eval()
    with torch.no_grad():
        assert torch.equal(loaded(X), result.model.eval()(X))
        error = float((loaded(X[:10]) - DATA[1][:10]).square().mean())
    assert result.test_metric == pytest.approx(error)
    fresh = SPACE.build(result.text)
    assert not torch.equal(fresh.last.weight, loaded.last.weight)


def noisy(inputs, generator):
    return inputs + 0.01 * torch.randn(inputs.shape, generator=generator)


def test_a_search_sees_no_test_data_and_halves_are_disjoint():
    data = supernas.Data(train=(torch.arange(10.0)[:, None], torch.arange(10)), test=(X[:3], [0, 1, 2]))
    halves = data.for_search(3, None)
    assert halves.parts == ("train", "valid")
    parts = [set(halves.arrays[part][1].tolist()) for part in halves.parts]
    assert [len(part) for part in parts] == [5, 5]
    assert parts[0] | parts[1] == set(range(10))
    assert data.task().name == "classification"
    given = supernas.Data(train=(X, X[:, 0]), valid=(X[:3], X[:3, 0])).for_search(0, None)
    assert (given.count("train"), given.count("valid")) == (40, 3)
    with pytest.raises(UserError, match=r"a split of 0.5 and validation data of their own"):
        given.for_search(0, 0.5)


MISTAKES = [
    (lambda: supernas.ModelSpace(nn.ReLU), "ReLU has no choice: put supernas.Choice(name, options)"),
    (lambda: Choice("a", {"b": nn.ReLU()}), "choice 'a' has 1 options; wanted two or more"),
    (lambda: Choice("a=b", {"b": nn.ReLU(), "c": nn.ReLU()}), "'a=b' cannot name a choice"),
    (
        lambda: supernas.ModelSpace(lambda: nn.Sequential(Net(), Net())),
        "two choices are called 'first'; wanted a name for each",
    ),
    (lambda: SPACE.parse("first=wide"), "no option for middle; wanted all choices, as in first=wide, middle=relu"),
    (lambda: SPACE.parse("first=wdie, middle=relu"), "unknown option of choice first 'wdie'; did you mean 'wide'?"),
    (lambda: SPACE.parse("frist=wide"), "unknown choice 'frist'; did you mean 'first'?"),
    (lambda: SPACE.parse("first=wide, first=deep"), "choice first is given twice"),
    (lambda: SPACE.parse("nonsense"), "cannot read 'nonsense': wanted choice=option"),
    (lambda: SPACE.build("first=wide, middle=relu", weights={}), "the weights have no model.first.options.wide.weight"),
    (lambda: SPACE.build("first=wide, middle=relu", weights="nowhere"), "cannot read the weights nowhere"),
    (lambda: supernas.search(space=SPACE, data=(X, X[:5])), "the train data have 40 inputs and 5 targets"),
    (lambda: supernas.Data((X, -torch.ones(40).long())), "the train targets are whole numbers, so classes"),
    (lambda: supernas.search(space=SPACE, method="darts"), "the data 'arrays' were given in Python; give them again"),
    (lambda: supernas.search(**TOY, method="pc-darts"), "method pc-darts changes supernet.partial on the way"),
    (
        lambda: supernas.train("first=wide, middle=relu", space=SPACE, data=DATA, parameters=100),
        "the networks of net have no width",
    ),
]


@pytest.mark.parametrize(("call", "message"), MISTAKES)
def test_mistakes_are_one_line(tmp_path, monkeypatch, call, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        call()
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_model_that_is_neither_supernet_nor_built_says_so():
    with pytest.raises(RuntimeError, match="choice 'first' does not know what to run"):
        Net()(X)


def example(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("method", ["random-nas", "darts"])
def test_the_example_of_a_small_resnet(tmp_path, method):
    _, trained, model = example("resnet_kernels").main(tmp_path, method=method, epochs=4)
    assert trained.record["metric"] == "accuracy_percent"
    assert trained.test_metric > 40  # ten classes
    assert len(model.blocks) == 3


def test_the_example_of_a_table(tmp_path):
    found, trained = example("tabular_regression").main(tmp_path, epochs=15)
    assert trained.record["metric"] == found.record["metric"] == "mean_absolute_error"
    assert trained.test_metric < 0.75  # the mean of the targets errs by 0.86
    assert np.isfinite(found.record["valid_error"])


class Tied(nn.Module):
    """One choice in two places of one parent, and a layer of two names."""

    def __init__(self):
        super().__init__()
        act = Choice("act", {"relu": nn.ReLU(), "tanh": nn.Tanh()})
        self.body = nn.Sequential(nn.Linear(4, 4), act, nn.Linear(4, 4), act, nn.Linear(4, 1))
        self.same = self.body[0]

    def forward(self, x):
        return self.body(self.same(x)).squeeze(1)


def test_shared_layers_are_saved_averaged_once_and_replaced_everywhere(tmp_path):
    space = supernas.ModelSpace(Tied)
    arguments = {"space": space, "data": DATA, "epochs": 2, "device": "cpu"}
    found = supernas.search(**arguments, method="darts", out=tmp_path / "search")
    trained = supernas.train(found.text, **arguments, set=["train.ema=0.9"], out=tmp_path / "train")
    model = space.build(found.text, weights=tmp_path / "train" / "weights.safetensors")
    assert not any(isinstance(module, Choice) for module in model.modules())
    assert torch.equal(model(X), trained.model(X))
    inherited = {**arguments, "set": [f"train.inherit={tmp_path / 'search'}"], "epochs": 1}
    assert supernas.train(found.text, **inherited, out=tmp_path / "inherited").record["steps"] > 0
    network = nn.Sequential(nn.Linear(2, 2))
    network.append(network[0])
    average = MovingAverage(network, 0.9)
    before = average.network[0].weight.detach().clone()
    with torch.no_grad():
        network[0].weight += 1
    average.update(network)
    assert torch.allclose(average.network[0].weight, before + 0.1)


IMAGES = torch.rand(12, 1, 8, 8)
LABELS = torch.arange(12) % 3

OTHER_MISTAKES = [
    ({"data": (IMAGES, LABELS), "set": ["data.train_size=10"]}, "data.train_size is of data that are loaded by name"),
    ({"data": (IMAGES[:, 0, 0], LABELS)}, "inputs of shape [8] and type torch.float32: networks for images take"),
    ({"data": (IMAGES, LABELS), "space": "darts-rnn"}, "a text is given as a folder"),
    ({"data": (IMAGES, LABELS - 1)}, "the train targets are whole numbers, so classes"),
    ({"data": (torch.tensor(1.0), LABELS)}, "the train data are single numbers"),
]


@pytest.mark.parametrize(("arguments", "message"), OTHER_MISTAKES)
def test_data_that_do_not_fit(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        supernas.Search(method="random-nas", **arguments)
    assert str(caught.value).startswith(message)


def test_other_data_are_another_run_and_smoothing_is_the_usual_tasks(tmp_path):
    supernas.search(**TOY, method="darts", out=tmp_path / "run", device="cpu")
    other = {**TOY, "data": (X, DATA[1] + 1)}
    with pytest.raises(UserError, match="holds the run of another configuration"):
        supernas.search(**other, method="darts", out=tmp_path / "run", device="cpu", resume=True)
    with pytest.raises(UserError, match="label_smoothing is of the usual task"):
        supernas.Training(
            "first=wide, middle=relu",
            space=SPACE,
            data=DATA,
            task=supernas.regression(),
            set=["train.label_smoothing=0.1"],
        )
    with pytest.raises(UserError, match=r"unknown setting 'network.nonsense'"):
        SPACE.build("first=wide, middle=relu", nonsense=1)
    with pytest.raises(UserError, match="the model predicts numbers of shape"):
        supernas.regression().loss(torch.zeros(3), torch.zeros(4))


def test_a_model_must_be_made_without_arguments():
    with pytest.raises(UserError, match="'width'; give that argument a default"):
        supernas.ModelSpace(lambda width: torch.nn.Linear(width, 1))
