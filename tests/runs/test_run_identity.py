"""A run is resumed by what decides its result, not by what that is called: a user's code, tasks, and the data."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import supernas
from supernas.core.errors import UserError
from supernas.data import load_images
from supernas.runs.configuration import read_file, resolve_search, resolve_train

X = torch.randn(16, 4, generator=torch.Generator().manual_seed(0))
DATA = (X, X.sum(dim=1))


class Net(nn.Module):
    """A choice of two; what follows it is an argument."""

    def __init__(self, width=6, end=nn.ReLU, scale=1.0):
        super().__init__()
        self.first = supernas.Choice("first", {"one": nn.Linear(4, width), "two": nn.Linear(4, width, bias=False)})
        self.end, self.scale = end(), scale
        self.last = nn.Linear(width, 1)

    def forward(self, x):
        return self.scale * self.last(self.end(self.first(x))).squeeze(1)


class Other(Net):
    def forward(self, x):
        return self.last(self.end(self.first(x))).squeeze(1) - 1


def task(loss=F.mse_loss):
    return supernas.Task("mine", loss, F.mse_loss, "error", "min")


def noisy(inputs, generator):
    return inputs + 0.1 * torch.randn(inputs.shape, generator=generator)


def noisier(inputs, generator):
    return inputs + 0.2 * torch.randn(inputs.shape, generator=generator)


def space(make):
    return supernas.ModelSpace(make, name="net")


ONE = {"space": space(partial(Net)), "data": supernas.Data(DATA, augment=noisy), "task": task()}
CHANGES = {
    "width": ({"space": space(partial(Net, width=7))}, "the code or the values of the space are others"),
    "layer": ({"space": space(partial(Net, end=nn.Tanh))}, "the code or the values of the space are others"),
    "number": ({"space": space(partial(Net, scale=2.0))}, "the code or the values of the space are others"),
    "forward": ({"space": space(partial(Other))}, "the code or the values of the space are others"),
    "task": ({"task": task(F.l1_loss)}, "the code or the values of the task are others"),
    "usual task": ({"task": None}, "task is"),
    "augment": ({"data": supernas.Data(DATA, augment=noisier)}, "data.source is"),
    "task of the data": ({"data": supernas.Data(DATA, augment=noisy, task=task())}, "data.source is"),
    "targets": ({"data": supernas.Data((X, DATA[1] + 1), augment=noisy)}, "data.source is"),
}


def runs(folder, **changes):
    """A search and a training, not begun."""
    common = {**ONE, "epochs": 1, "device": "cpu", "resume": True, **changes}
    search = supernas.Search(**common, method="random-nas", out=folder and folder / "search")
    return search, supernas.Training("first=one", **common, out=folder and folder / "train")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return folder, [run.run() for run in runs(folder)]


@pytest.mark.parametrize("name", CHANGES)
def test_what_decides_the_result_is_another_run(finished, tmp_path, monkeypatch, name):
    folder, _ = finished
    changes, message = CHANGES[name]
    with pytest.raises(UserError, match=rf"holds the run of another configuration \(.*{message}"):
        runs(folder, **changes)
    monkeypatch.chdir(tmp_path)
    names = {run.folder.path.name for one in (runs(None), runs(None, **changes)) for run in one}
    assert len(names) == 4


def test_the_same_code_is_the_same_run(finished):
    folder, results = finished
    for changes in ({}, {"task": task()}, {"data": supernas.Data(DATA, augment=noisy)}):
        assert [run.run().record for run in runs(folder, **changes)] == [result.record for result in results]


def test_the_configuration_names_the_task(finished):
    for kind, resolve in (("search", resolve_search), ("train", resolve_train)):
        document = read_file(finished[0] / kind / "config.json")
        assert document["task"]["name"] == "mine"
        assert resolve({**document, "space": ONE["space"]}).document() == document


def test_a_task_is_asked_for_again(finished, tmp_path):
    document = read_file(finished[0] / "search" / "config.json")
    config = {**document, "space": ONE["space"], "data": {}}
    with pytest.raises(UserError, match="the task 'mine' was given in Python; give it again: task="):
        supernas.Search(config=config, data=DATA, out=tmp_path)
    assert supernas.Search(config=config, data=DATA, task=task(), out=tmp_path).config.task is not None


def test_weights_that_a_model_is_made_with_count_and_fresh_ones_do_not(tmp_path):
    def pretrained():
        net = Net()
        net.last.load_state_dict(torch.load(tmp_path / "last.pt", weights_only=True))
        return net

    digests = []
    for value in (1.0, 2.0, 1.0):
        torch.save({"weight": torch.full((1, 6), value), "bias": torch.zeros(1)}, tmp_path / "last.pt")
        digests.append(space(pretrained).digest)
    assert digests[0] == digests[2] != digests[1]


def test_weights_of_a_search_of_another_model_are_refused(finished, tmp_path):
    class Third(Net):
        def __init__(self):
            super().__init__()
            self.more = supernas.Choice("more", {"one": nn.Linear(4, 4), "two": nn.Identity()})

        def forward(self, x):
            return super().forward(self.more(x))

    inherit = [f"train.inherit={finished[0] / 'search'}"]
    common = {"data": DATA, "epochs": 1, "device": "cpu", "set": inherit}
    with pytest.raises(UserError, match=r"is a run of another model: its choices are \{'first': "):
        supernas.Training("first=one, more=one", space=space(Third), **common, out=tmp_path / "third")
    supernas.Training("first=one", space=space(Other), **common, out=tmp_path / "other")


def digits(folder, inverted):
    """A file of images; the same name, and other images."""
    images = load_images("digits").images["train"]
    pixels = (255 - images.images if inverted else images.images).numpy()[:200]
    np.savez(folder / "images.npz", x_train=pixels, y_train=images.labels.numpy()[:200])
    return folder / "images.npz"


CELL = "|nor_conv_1x1~0|+|none~0|skip_connect~1|+|skip_connect~0|none~1|skip_connect~2|"


@pytest.mark.parametrize("kind", ["search", "train"])
def test_data_of_the_same_name_with_another_content_are_refused(tmp_path, kind):
    def run(data):
        common = {"data": data, "epochs": 1, "device": "cpu", "resume": True, "out": tmp_path / "run"}
        if kind == "search":
            return supernas.Search(**common, method="random-nas", set=["supernet.channels=4", "supernet.cells=1"])
        return supernas.Training(CELL, **common, set=["network.channels=4", "network.cells=1"])

    record = run(digits(tmp_path, inverted=False)).run().record
    assert run(digits(tmp_path, inverted=False)).run().record == record
    with pytest.raises(UserError, match="holds a run whose data were others under the same name; resume with those"):
        run(digits(tmp_path, inverted=True))


def test_loaded_images_that_are_given_are_known_by_their_content(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = set()
    for inverted in (False, True, False):
        images = load_images(str(digits(tmp_path, inverted)), None)
        names.add(supernas.Search(data=images, method="random-nas", device="cpu").folder.path.name)
    assert len(names) == 2
