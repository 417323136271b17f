"""A user's model is tried before a run: what would break it, or make it lie, is one line and leaves no folder."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import supernas
from supernas.core.errors import UserError
from supernas.networks.choice import Choice

X = torch.randn(32, 4, generator=torch.Generator().manual_seed(0))
DATA = (X, torch.arange(32) % 3)
CELLS = {"relu": nn.ReLU, "tanh": nn.Tanh}


class Net(nn.Module):
    """A linear layer, a choice of activation, and three classes; subclasses have other options or another forward."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.act = Choice("act", self.options())
        self.last = nn.Linear(4, 3)

    def options(self):
        return {name: cell() for name, cell in CELLS.items()}

    def forward(self, x):
        return self.last(self.middle(self.first(x)))

    def middle(self, x):
        return self.act(x)


class Layer(nn.Module):
    """A function as a layer."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *inputs):
        return self.function(*inputs)


def variant(options=None, middle=None, forward=None):
    """A subclass of `Net` with something else."""
    changes = {"options": options, "middle": middle, "forward": forward}
    return type("Variant", (Net,), {name: change for name, change in changes.items() if change is not None})


def among(**others):
    """A variant with such options beside tanh."""
    return variant(lambda self: {"tanh": nn.Tanh(), **{name: make() for name, make in others.items()}})


def search(folder, model, data=DATA, **more):
    return supernas.Search(space=supernas.ModelSpace(model), data=data, method="darts", epochs=1, out=folder, **more)


def add_one(x):
    x += 1
    return x


def behind_its_back(x):
    x.data.mul_(2)
    return x


def returns_three(self, x):
    prediction = Net.forward(self, x)
    return prediction, x, x


class Unused(Net):
    def __init__(self):
        super().__init__()
        self.other = Choice("other", self.options())


class Hidden(Net):
    def __init__(self):
        super().__init__()
        self.more = [Choice("more", self.options())]

    def middle(self, x):
        return self.more[0](self.act(x))


def skip_or_linear(self):
    return {"skip": nn.Identity(), "linear": nn.Linear(4, 4)}


def changes_what_it_needs(self, x):
    chosen = self.act(x)
    chosen += 1
    return chosen + x


def adds_to_its_input(self, x):
    x += self.act(x)
    return x


IN_PLACE = "option 'bad' of choice 'act' changes its input in place, which the other options read too"
FAULTS = {
    "relu in place": (among(bad=lambda: nn.ReLU(inplace=True)), IN_PLACE),
    "dropout in place": (among(bad=lambda: nn.Dropout(0.5, inplace=True)), IN_PLACE),
    "x += 1": (among(bad=lambda: Layer(add_one)), IN_PLACE),
    "x.data": (among(bad=lambda: Layer(behind_its_back)), IN_PLACE),
    "skip changed": (
        variant(skip_or_linear, changes_what_it_needs),
        "Variant changes in place what choice 'act' gives, and with option 'skip' that is the choice's own input",
    ),
    "input changed": (
        variant(skip_or_linear, adds_to_its_input),
        "Variant has no gradient; what choice 'act' reads or gives is changed in place",
    ),
    "widths": (
        among(wide=lambda: nn.Linear(4, 6)),
        "choice 'act': option 'tanh' gives [12, 4] (float32) and option 'wide' [12, 6] (float32)",
    ),
    "broadcast": (among(narrow=lambda: nn.Linear(4, 1)), "choice 'act': option 'tanh' gives [12, 4] (float32)"),
    "type": (among(double=lambda: Layer(torch.Tensor.double)), "'double' cannot name an option of choice 'act'"),
    "types": (
        among(twice=lambda: Layer(torch.Tensor.double)),
        "choice 'act': option 'tanh' gives [12, 4] (float32) and",
    ),
    "inputs": (among(bad=lambda: nn.Linear(7, 4)), "option 'bad' of choice 'act' cannot run on [12, 4]: mat1 and mat2"),
    "tuple": (among(lstm=lambda: nn.LSTM(4, 4)), "option 'lstm' of choice 'act' gives a tuple; wanted one tensor"),
    "None": (among(none=lambda: Layer(lambda x: None)), "option 'none' of choice 'act' gives a NoneType; wanted one"),
    "unused": (Unused, "choice 'other' is never used in the forward of Unused"),
    "hidden": (Hidden, "Hidden cannot run inputs of shape [12, 4] and type float32: choice 'more' does not know"),
    "three": (
        variant(forward=returns_three),
        "Variant returns Tensor, Tensor, Tensor; wanted its prediction",
    ),
    "dict": (variant(forward=lambda self, x: {"y": x}), "Variant returns dict; wanted its prediction"),
    "constant": (
        variant(forward=lambda self, x: Net.forward(self, x).detach()),
        "the loss of Variant depends on no weight",
    ),
    "squeezed": (
        variant(forward=lambda self, x: Net.forward(self, x)[:, 0]),
        "Variant gives predictions of shape [12],",
    ),
    "frozen": (lambda: Net().requires_grad_(False), "Net has no weights that learn"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_cannot_be_searched_is_said_before_there_is_a_folder(tmp_path, name):
    model, message = FAULTS[name]
    with pytest.raises(UserError) as caught:
        search(tmp_path / "run", model)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def cross_entropy():
    return supernas.Task("mine", F.cross_entropy, lambda prediction, target: prediction.mean(), "mean")


@pytest.mark.parametrize(
    ("data", "task", "message"),
    [
        (
            (X, torch.arange(32) // 8),
            None,
            r"Net gives predictions of shape \[12, 3\], and the data have 4 classes, 0 to 3",
        ),
        (
            (X, torch.arange(32) // 8),
            cross_entropy(),
            r"the task 'mine' has no loss for .* and targets of shape \[12\]: ",
        ),
        (
            ((X * 9).to(torch.uint8), DATA[1]),
            None,
            r"Net cannot run .* type uint8: .*floating-point numbers, as x.float",
        ),
        ((X[:, :3], DATA[1]), None, r"Net cannot run inputs of shape \[12, 3\] and type float32: mat1 and mat2"),
    ],
)
def test_data_that_the_model_cannot_take(tmp_path, data, task, message):
    more = {} if task is None else {"task": task}
    with pytest.raises(UserError, match=message):
        search(tmp_path / "run", Net, data, **more)
    with pytest.raises(UserError, match=message.replace("12", "10")):
        supernas.Training("act=tanh", space=supernas.ModelSpace(Net), data=data, out=tmp_path / "run", **more)
    assert not (tmp_path / "run").exists()


NAMES = ["training", "forward", "half", "keys", "_modules"]
OPTIONS = [
    ([nn.ReLU(), nn.Tanh()], "choice 'a' has options in a list; wanted modules by name"),
    ((("b", nn.ReLU()), ("c", nn.Tanh())), "choice 'a' has options in a tuple; wanted modules by name"),
    (None, "choice 'a' has options in a NoneType; wanted modules by name"),
    ({"b": None, "c": nn.Tanh()}, "option 'b' of choice 'a' is a NoneType; wanted a torch.nn.Module"),
    ({"b": torch.relu, "c": nn.Tanh()}, "option 'b' of choice 'a' is a builtin_function_or_method; wanted"),
    ({"b": nn.ReLU, "c": nn.Tanh()}, "option 'b' of choice 'a' is the class ReLU; wanted a module"),
    ({3: nn.ReLU(), 5: nn.Tanh()}, "3 cannot name a choice or an option"),
    ({"b\tc": nn.ReLU(), "c": nn.Tanh()}, "'b\\tc' cannot name a choice or an option"),
    *(({name: nn.ReLU(), "c": nn.Tanh()}, f"'{name}' cannot name an option of choice 'a'") for name in NAMES),
]


@pytest.mark.parametrize(("options", "message"), OPTIONS)
def test_options_that_are_none(options, message):
    with pytest.raises(UserError) as caught:
        Choice("a", options)
    assert str(caught.value).startswith(message)


def test_models_that_are_not_made_anew():
    shared, net = {"linear": nn.Linear(4, 4), "tanh": nn.Tanh()}, Net()
    for make in (variant(lambda self: shared), lambda: net):
        with pytest.raises(UserError, match="is made with the same layers each time; wanted fresh ones"):
            supernas.ModelSpace(make)
    for make in (net, "Net"):
        with pytest.raises(UserError, match="makes no modules: wanted the class itself"):
            supernas.ModelSpace(make)
    with pytest.raises(UserError, match="makes a NoneType"):
        supernas.ModelSpace(lambda: None)


class Depends(Net):
    """Its options depend on the data."""

    def __init__(self, num_classes=2):
        super().__init__()
        names = list(CELLS) if num_classes == 2 else list(reversed(CELLS))
        self.act = Choice("act", {name: CELLS[name]() for name in names})


def test_choices_that_change(tmp_path):
    with pytest.raises(UserError, match="Depends has other choices each time that it is made, or for these data"):
        search(tmp_path / "run", Depends)


def sequential_in_place(self):
    return {"skip": nn.Identity(), "linear": nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True), nn.Linear(4, 4))}


def nested(self):
    inner = Choice("inner", {name: cell() for name, cell in CELLS.items()})
    return {"plain": nn.ReLU(), "deep": nn.Sequential(nn.Linear(4, 4), inner)}


@pytest.mark.parametrize(
    "model",
    [variant(sequential_in_place, lambda self, x: self.act(x).relu_()), variant(nested)],
    ids=["in place where nobody reads again", "a choice within an option"],
)
def test_what_does_no_harm_is_not_refused(tmp_path, model):
    found = search(tmp_path, model).run()
    trained = supernas.train(found.text, space=supernas.ModelSpace(model), data=DATA, epochs=1, out=tmp_path / "train")
    assert trained.record["steps"] == 1


def test_one_option_alone_may_work_in_place(tmp_path):
    space = supernas.ModelSpace(among(bad=lambda: nn.ReLU(inplace=True)))
    assert supernas.train("act=bad", space=space, data=DATA, epochs=1, out=tmp_path).record["steps"] == 1


class Images(nn.Module):
    """A model that calls `view`, as much code does."""

    def __init__(self, num_classes=3):
        super().__init__()
        kernels = {f"{side}": nn.Conv2d(1, 4, side, padding=side // 2) for side in (1, 3)}
        self.conv = Choice("conv", kernels)
        self.last = nn.Linear(4 * 64, num_classes)

    def forward(self, x):
        x = self.conv(x)
        return self.last(x.view(x.shape[0], -1))


@pytest.mark.parametrize("kind", ["tensors", "images"])
def test_a_model_may_call_view(tmp_path, kind):
    data = "digits" if kind == "images" else (torch.rand(32, 1, 8, 8), DATA[1])
    space = supernas.ModelSpace(Images, data_kind=kind)
    settings = ["data.train_size=80"] if kind == "images" else []
    common = {"space": space, "data": data, "epochs": 1, "set": settings}
    found = supernas.search(**common, method="random-nas", out=tmp_path / "search")
    trained = supernas.train(found.text, **common, out=tmp_path / "train")
    assert trained.model(torch.rand(2, 1, 8, 8)).shape[0] == 2


def test_trying_leaves_the_random_numbers_of_a_run_alone(tmp_path, monkeypatch):
    tried = search(tmp_path / "one", Net).run()
    monkeypatch.setattr("supernas.networks.model.try_out", lambda *arguments: None)
    assert search(tmp_path / "two", Net).run().record["valid_accuracy"] == tried.record["valid_accuracy"]
    one, two = ((tmp_path / name / "supernet.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two


def test_a_label_of_the_validation_part_is_tried_and_inputs_may_have_another_length(tmp_path):
    class Longer(Net):
        def forward(self, x):
            return super().forward(x).mean(dim=1)

    sequences = torch.randn(16, 5, 4)
    labels = torch.arange(16) % 3
    longer = (torch.randn(4, 7, 4), labels[:4])
    search(tmp_path / "one", Longer, supernas.Data((sequences, labels), valid=longer))
    beyond = supernas.Data((sequences, labels), valid=(sequences[:4], labels[:4] + 2), task=cross_entropy())
    with pytest.raises(UserError, match="the task 'mine' has no loss"):
        search(tmp_path / "two", Longer, beyond)
