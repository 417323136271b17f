"""What is written computes what was trained, without the package."""

import ast
import importlib.util
import inspect
import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import supernas
from runs_toy import CELL, noted_anew, rewritten
from supernas.cli import app
from supernas.core.errors import UserError
from supernas.output.export import check, export, families, formats
from supernas.output.export.formats import onnx as onnx_format
from supernas.output.export.image_helper import image_helper
from supernas.output.export.source import literal, written
from supernas.output.export.templates import nas_bench_201, predict_image
from supernas.output.export.trained import Trained, read_trained
from supernas.runs.configuration import resolve_train
from supernas.runs.training import Training

ONNX = ("onnx", "onnxscript", "onnxruntime")
EMPTY_NODE = CELL.replace("nor_conv_3x3~0|+", "none~0|+", 1)  # node 1 is zero, and node 2 reads it
DEAD_BLOCK = "conv3x3-bn-relu~0|maxpool3x3~0+1|conv3x3-bn-relu~0+1|conv1x1-bn-relu~1+3|output~0+4"  # nothing reads 2
TOYS = {
    "nas-bench-201": {"architecture": EMPTY_NODE, "network": {"channels": 4, "cells": 1}},
    "darts-cnn": {  # the architecture holds `none`
        "architecture": "Random_NSAS",
        "network": {"channels": 4, "cells": 3, "auxiliary_weight": 0.4, "drop_path": 0.2},
        "data": {"source": "images.npz"},
    },
    "nas-bench-1shot1-1": {"architecture": DEAD_BLOCK, "network": {"channels": 3, "cells": 1}},
    "nas-bench-1shot1-3": {"architecture": 900_007, "network": {"channels": 5, "cells": 1, "width": "divided"}},
    "darts-rnn": {"architecture": "DARTS_V2", "network": {"units": 5}, "data": {"source": "texts", "test_columns": 3}},
}
SIDES = {"cifar": 9, "imagenet": 17}  # odd ones: the reductions pad


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """The run folder of a finished toy training of each family."""
    folder = tmp_path_factory.mktemp("runs")
    images = np.random.default_rng(0).integers(0, 255, (8, 33, 33, 3), dtype=np.uint8)  # the auxiliary head reads them
    np.savez(folder / "images.npz", x_train=images, y_train=np.arange(8) % 2)
    folder.joinpath("texts").mkdir()
    for part in ("train", "valid", "test"):
        folder.joinpath("texts", f"{part}.txt").write_text("the cat sat on the mat\nand so did I\n" * 20)
    for name, toy in TOYS.items():
        data = {"directory": str(folder), **toy.get("data", {"train_size": 64})}
        document = {"space": name, **toy, "data": data, "train": {"epochs": 1, "batch_size": 8}}
        Training(resolve_train(document), folder / name).run()
    return {name: folder / name for name in TOYS}


@pytest.fixture(scope="session")
def sources(runs, tmp_path_factory):
    """Each of them as source."""
    return {name: export(run, out=tmp_path_factory.mktemp("exports") / "one" / "out") for name, run in runs.items()}


def module_at(path):
    spec = importlib.util.spec_from_file_location("network", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# -- whole exports -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TOYS)
def test_a_network_as_source_needs_torch_and_safetensors_only(name, sources, runs):
    made, trained = sources[name], read_trained(runs[name])
    assert {file.name for file in made.folder.iterdir()} == {"export.json", *made.record["files"]}
    assert list(made.folder.parent.iterdir()) == [made.folder]  # and nothing beside it
    assert made.record["difference"] <= check.TOLERANCE * made.record["largest_logit"] != 0
    source = made.files[0].read_text()
    assert {path.partition(".")[0] for path in imports(source)} - sys.stdlib_module_names == {"torch", "safetensors"}
    assert trained.config.text[:60] in source
    weights = load_file(made.folder / "weights.safetensors")
    assert not [one for one in weights if "auxiliary" in one]
    counted = trained.model.network.state_dict()
    left_out = ("auxiliary", *(["projections.2."] if name == "nas-bench-1shot1-1" else []))
    means = [one for one in counted if one.endswith("running_mean") and not any(part in one for part in left_out)]
    assert [weights[one] for one in weights if one.endswith("running_mean")] == [] or len(means) > 3
    stored = sorted(float(weights[one].sum()) for one in weights if one.endswith("running_mean"))
    assert stored == sorted(float(counted[one].sum()) for one in means)
    if find_spec("ruff"):
        written = [str(file) for file in made.files if file.suffix == ".py"]
        config = ["--no-cache", "--config", str(Path(__file__).parents[2] / "pyproject.toml"), *written]
        for command in (["check"], ["format", "--check"]):
            done = subprocess.run([sys.executable, "-m", "ruff", *command, *config], capture_output=True, text=True)
            assert not done.returncode, done.stdout


def imports(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


SLOW = pytest.mark.slow
PROGRAMS = [
    ("pt2", "nas-bench-201"),
    ("onnx", "nas-bench-201"),
    pytest.param("pt2", "darts-cnn", marks=SLOW),
    pytest.param("onnx", "darts-cnn", marks=SLOW),
]


@pytest.mark.parametrize(("format", "name"), PROGRAMS)
def test_a_network_as_a_program_takes_batches_of_any_size(format, name, runs, tmp_path, monkeypatch, capsys):
    for library in ONNX if format == "onnx" else ():
        pytest.importorskip(library)
    command(monkeypatch, runs[name], "--format", format, "--out", tmp_path / "out")
    said, record = capsys.readouterr().out, json.loads(tmp_path.joinpath("out", "export.json").read_text())
    trained = read_trained(runs[name])
    assert len(trained.examples) > 2  # it was traced with two
    assert record["difference"] <= check.TOLERANCE * record["largest_logit"] != 0
    assert record["inputs"] == trained.facts
    about = metadata_of(tmp_path / "out" / f"network.{format}")
    assert {name: about[name] for name in trained.facts} == trained.facts  # classes, mean, std
    assert about["size"].startswith("the central square")
    image, pixels = tmp_path / "image.png", torch.randint(256, trained.examples.shape[1:]).byte()
    Image.fromarray(pixels.permute(1, 2, 0).squeeze(2).numpy()).save(image)
    mean, std = (torch.tensor(trained.facts[one]).view(-1, 1, 1) for one in ("mean", "std"))
    with torch.no_grad():
        shares = trained.model(((pixels / 255 - mean) / std)[None]).softmax(1)[0]
    likely = shares.argsort(descending=True)[:2].tolist()
    listed = alone(tmp_path / "out" / "predict.py", image, "--top", 2).splitlines()
    assert listed[1:] == [f"  {float(shares[n]):6.1%}  {trained.facts['classes'][n]}" for n in likely]
    for text in (f"network.{format}", trained.examples_are, f"{record['difference']:.1e} at most"):
        assert text in said


def metadata_of(path):
    """What a program says of itself."""
    if path.suffix == ".pt2":
        found = {"metadata.json": ""}
        torch.export.load(path, extra_files=found)
        return json.loads(found["metadata.json"])
    import onnx

    return {one.key: json.loads(one.value) for one in onnx.load(path).metadata_props}


def alone(*words, code=0):
    """What a Python program prints in a process in which this package cannot be imported."""
    program, *arguments = map(str, words)
    run = f"import runpy; sys.argv[0] = {program!r}; runpy.run_path({program!r}, run_name='__main__')"
    sees = f"sys.path.insert(0, {str(Path(program).parent)!r})"
    done = subprocess.run(
        [sys.executable, "-c", f"{check._BEFORE}\n{sees}\n{run}", *arguments], capture_output=True, text=True
    )
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def command(monkeypatch, *words, code=0):
    """Runs `supernas export`."""
    monkeypatch.setattr(sys, "argv", ["supernas", "export", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == code


def test_a_mistake_is_one_line_and_exit_code_2(tmp_path, monkeypatch, capsys):
    command(monkeypatch, tmp_path, "--format", "pickle", code=2)
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "supernas: unknown format 'pickle'; (known: onnx, pt2, pytorch)"


def test_the_written_normalisation_is_that_of_the_training(sources, runs):
    module = module_at(sources["nas-bench-201"].files[0])
    images = supernas.data.load_images("digits").images["test"].images
    trained = read_trained(runs["nas-bench-201"])
    assert torch.allclose(module.normalise(images[: len(trained.examples)] / 255), trained.examples, atol=1e-5)


def test_a_written_language_model_goes_on_from_its_state(sources, runs):
    made, trained = sources["darts-rnn"], read_trained(runs["darts-rnn"])
    module, words = module_at(made.files[0]), trained.examples
    network = module.load()
    first, state = network(words[:4])
    second, _ = network(words[4:], state)
    assert torch.allclose(torch.cat([first, second]).flatten(0, 1), trained.logits, atol=1e-6)
    assert not torch.allclose(second, network(words[4:])[0], atol=1e-6)
    vocabulary = module.vocabulary()
    assert [vocabulary[number] for number in words[:4, 0]] == ["the", "cat", "sat", "on"]


@pytest.mark.parametrize("name", ["darts-cnn", "darts-rnn"])
def test_without_the_data_the_record_says_what_a_network_reads(name, runs, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(runs[name], run)
    config = json.loads((run / "config.json").read_text())
    config["data"]["directory"] = str(tmp_path)  # where the data lie may be said anew
    run.joinpath("config.json").write_text(json.dumps(config))
    there, gone = read_trained(runs[name]), read_trained(run)
    assert "random" in gone.examples_are
    missing = {"darts-cnn": "there is no", "darts-rnn": "unknown text"}[name]
    assert missing in gone.examples_are
    assert gone.examples.dtype == there.examples.dtype
    assert gone.facts == there.facts
    if name == "darts-rnn":
        assert "vocabulary" not in families.writer(type(gone.model.network)).source(gone)
    rewritten(run, "result.json", lambda record: record.pop("inputs"))
    with pytest.raises(UserError, match=f"does not describe them: {missing}"):
        read_trained(run)


# -- helpers -----------------------------------------------------------------------------------------------------------


def helper_for(classes, shape, tmp_path):
    """The module `predict` of a network that reads images of a shape and takes channel means for logits."""
    facts = {"classes": classes, "input_shape": shape, "mean": [0.25] * shape[0], "std": [0.5] * shape[0]}
    trained = Trained(Path("none"), None, {}, None, facts, None, torch.zeros(0), "none", torch.zeros(0))
    (text,) = image_helper(trained, "open_source").values()
    tmp_path.joinpath("predict.py").write_text(text)
    module = module_at(tmp_path / "predict.py")
    module.open_source = lambda: lambda images: images.mean(axis=(2, 3)) * 4
    return module


SAVED = {  # name of a file -> how an image of colours becomes what is saved
    "plain.png": lambda image: image,
    "wide.png": lambda image: image.resize((31, 20)),
    "large.jpg": lambda image: image.resize((900, 1100)),
    "clear.png": lambda image: image.convert("RGBA"),
    "palette.gif": lambda image: image.convert("P"),
    "print.jpg": lambda image: image.convert("CMYK"),
    "grey.png": lambda image: image.convert("L"),
}


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_new_photograph_is_prepared_as_those_of_the_training(mode, tmp_path):
    """The files of a folder, read by the helper and by what reads folders."""
    colours = Image.fromarray(np.random.default_rng(0).integers(0, 255, (24, 24, 3), dtype=np.uint8))
    (tmp_path / "b").mkdir()
    colours.convert(mode).save(tmp_path / "b" / "other.png")
    (tmp_path / "a").mkdir()
    kept = SAVED if mode == "RGB" else ["plain.png", "wide.png", "grey.png"]
    for name in kept:
        SAVED[name](colours if mode == "RGB" else colours.convert("L")).save(tmp_path / "a" / name)
    data = supernas.data.load_images(tmp_path, resolution=12)
    read = torch.cat([images.images for images in data.images.values()])
    module = helper_for(["a", "b"], list(read.shape[1:]), tmp_path)
    for name in kept:
        mine = torch.tensor(module.read(tmp_path / "a" / name)).permute(2, 0, 1)
        assert any(mine.equal(image) for image in read), name


def test_photographs_of_other_kinds_are_made_alike(tmp_path):
    module = helper_for(["a", "b", "c"], [1, 6, 6], tmp_path)
    square = np.random.default_rng(0).integers(0, 255, (6, 6), dtype=np.uint8)
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned to the right by a quarter
    Image.fromarray(np.rot90(square)).save(tmp_path / "turned.png", exif=turned)
    assert np.array_equal(module.read(tmp_path / "turned.png")[:, :, 0], square)
    Image.fromarray(square.astype(np.uint16) * 257 + 60).save(tmp_path / "deep.png")
    assert np.array_equal(module.read(tmp_path / "deep.png")[:, :, 0], square)
    Image.fromarray(np.full((2, 3), 77, np.uint8)).save(tmp_path / "small.png")
    assert np.array_equal(module.read(tmp_path / "small.png"), np.full((6, 6, 1), 77))
    prepared = module.prepare(tmp_path / "small.png")
    assert prepared.dtype == np.float32
    assert prepared == pytest.approx((77 / 255 - 0.25) / 0.5)


def test_the_likeliest_classes_have_their_names_and_probabilities(tmp_path, monkeypatch, capsys):
    module = helper_for(["cat's eye", 'a "b"\n', "grün"], [3, 4, 4], tmp_path)
    Image.new("RGB", (8, 8), (0, 255, 51)).save(tmp_path / "one.png")
    ranked = module.predict(tmp_path / "one.png")
    logits = torch.tensor([0.0, 1.0, 0.2]) * 8 - 2
    assert [name for name, _ in ranked] == ['a "b"\n', "grün", "cat's eye"]
    assert [share for _, share in ranked] == pytest.approx(logits.softmax(0).sort(descending=True).values.tolist())
    assert module.predict(tmp_path / "one.png", top=1) == ranked[:1]
    tmp_path.joinpath("text.png").write_text("no image")
    monkeypatch.setattr(sys, "argv", ["predict.py", str(tmp_path / "text.png")])
    with pytest.raises(SystemExit) as ended:
        module.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"predict.py: error: cannot read {tmp_path}/text.png")


def test_the_helper_beside_a_source_is_checked_with_it(runs, tmp_path, monkeypatch):
    read = inspect.getsource(predict_image.prepare)
    template = tmp_path / "predict_image.py"
    template.write_text(inspect.getsource(predict_image).replace("/ 255", "/ 256"))
    assert "/ 255" in read
    monkeypatch.setattr(predict_image, "__file__", str(template))
    with pytest.raises(UserError, match="computes something else"):
        export(runs["nas-bench-201"], out=tmp_path / "out")


def test_a_language_model_says_what_may_follow(sources, runs):
    made, trained = sources["darts-rnn"], read_trained(runs["darts-rnn"])
    said = alone(made.folder / "predict.py", "the", "cat", "--top", 3).splitlines()
    words = list(trained.dataset.vocabulary)
    given = torch.tensor([[words.index(word)] for word in ("<eos>", "the", "cat")])
    shares, places = trained.model.output(given).prediction.view(3, -1)[-1].softmax(0).topk(3)
    expected = [
        f"  {share:6.1%}  {words[place]}" for share, place in zip(shares.tolist(), places.tolist(), strict=True)
    ]
    assert said == expected


def test_arrays_are_read_as_they_were_given(tmp_path):
    """Nothing is known of how their numbers came from pixels, so nothing is written that would say so."""
    inputs = torch.randn(16, 2, 8, 8)
    network = ["network.channels=2", "network.cells=1"]
    run = supernas.train("6111", data=(inputs, torch.arange(16) % 3), epochs=1, set=network, out=tmp_path / "run")
    made = export(run.folder, out=tmp_path / "out")
    assert made.record["files"] == ["network.py", "weights.safetensors"]
    assert made.record["preparation"] == {}
    assert "def normalise" not in made.files[0].read_text()
    assert "network(inputs)  # [batch, 2, 8, 8], as in the training, to [batch, 3]" in made.files[0].read_text()


# -- any architecture --------------------------------------------------------------------------------------------------


IMAGES = {"network": {"num_classes": 3, "in_channels": 2}, "mean": [0.5, 0.1], "std": [0.2, 1.0], "classes": ["a"] * 3}
CASES = {
    "nas-bench-201": [(number, {}) for number in range(1, 7)] + [(0, {})],  # number 0 is all `none`
    "darts-cnn": [
        *(("Random_NSAS", {}), ("EENAS", {"stem": "imagenet"}), ("PC_DARTS_image", {"auxiliary_weight": 0.4})),
        *((number, {"stem": ("cifar", "imagenet")[number % 2]}) for number in range(1, 5)),
    ],
    "darts-rnn": [("DARTS_V1", {}), *((number, {}) for number in range(1, 6))],
}


def standing_in(name, architecture, network):
    """A `Trained` with random weights in float64, without a training; a number means one drawn with that seed."""
    space = supernas.space(name)
    if isinstance(architecture, int):
        drawn = space[0] if architecture == 0 else space.sample(np.random.default_rng(architecture))
        architecture = space.format(drawn)
    if name == "darts-rnn":
        size, facts, examples = {"units": 6}, {"network": {"num_classes": 7}}, torch.randint(7, (5, 2))
    else:
        side = SIDES.get(network.get("stem"), 8 if name == "nas-bench-201" else 9)
        size, facts = {"channels": 3, "cells": 3, **network}, {**IMAGES, "input_shape": [2, side, side]}
        examples = torch.randn(2, 2, side, side, dtype=torch.float64)
    config = resolve_train({"space": name, "architecture": architecture, "network": size})
    model = space.build(config.architecture, **facts["network"], **vars(config.network)).double().eval()
    with torch.no_grad():
        for tensor in model.state_dict().values():  # running statistics as well
            if tensor.is_floating_point():
                tensor.copy_(torch.rand_like(tensor) + (0.5 if tensor.ndim == 1 else -0.5))
        logits = model(examples)
    record = {"epochs": 2, "data": 'a"""\\b\n', "metric": "accuracy_percent", "test_accuracy": 12.0}
    return Trained(Path("none"), config, record, model, facts, None, examples, "random", logits)


@pytest.mark.parametrize(
    ("name", "architecture", "network"),
    [(name, *case) for name, cases in CASES.items() for case in cases],
)
def test_the_source_computes_the_same_in_float64(name, architecture, network, tmp_path):
    trained = standing_in(name, architecture, network)
    family = families.writer(type(trained.model.network))
    tmp_path.joinpath("network.py").write_text(family.source(trained))
    network = module_at(tmp_path / "network.py").Network().double()
    network.load_state_dict(family.weights(trained))
    with torch.no_grad():
        output = network.eval()(trained.examples)
    logits = output[0].flatten(0, 1) if isinstance(output, tuple) else output
    assert (logits - trained.logits).abs().max() < 1e-10
    assert trained.logits.abs().max() > 1e-3


def test_other_data_under_the_same_name_are_not_taken_for_those_of_the_training(runs, tmp_path):
    shutil.copytree(runs["nas-bench-201"], tmp_path / "run")
    rewritten(tmp_path / "run", "result.json", lambda record: record["inputs"].update(mean=[0.25]))
    trained = read_trained(tmp_path / "run")
    assert trained.facts["mean"] == [0.25]
    assert trained.examples_are == "64 random inputs (digits is not what it was in the training)"


def test_a_template_is_cut_to_what_is_needed():
    source = written(nas_bench_201, "Text.", constants={"CELLS": "7", "CELL": "[]"}, operations=["skip_connect"])
    assert "CELLS = 7  # in each of the three stages" in source
    assert "ReLUConvNorm" not in source
    assert "def normalise" in source
    assert "def normalise" not in written(nas_bench_201, "", constants={}, roots=["Network"])


def test_literals_read_back():
    for value in ("a'b", 'a"b', "a\\b", 0.1, 3, (1.5,), (1, "x"), [], [(1, 2, "y"), (3, 4, "z")]):
        assert ast.literal_eval(literal(value)) == value


# -- what goes wrong ---------------------------------------------------------------------------------------------------


def test_logits_must_agree():
    expected = torch.tensor([[1.0, -200.0]])
    assert check.compared(expected + torch.tensor([0.0015, 0.0]), expected).largest == 200
    for wrong in (torch.tensor([0.0025, 0.0]), torch.tensor([float("nan"), 0.0])):
        with pytest.raises(UserError, match="computes something else: logits of up to 200 differ by"):
            check.compared(expected + wrong, expected)


def test_source_that_needs_this_package_is_found_out_and_leaves_nothing(runs, tmp_path, monkeypatch):
    source = families.base.CellFamily.source
    monkeypatch.setattr(families.base.CellFamily, "source", lambda *given: "import supernas\n" + source(*given))
    with pytest.raises(UserError, match="does not run without supernas: ImportError"):
        export(runs["nas-bench-201"], out=tmp_path / "out")
    assert not list(tmp_path.iterdir())


class Own(torch.nn.Module):
    """A user's model."""

    def __init__(self):
        super().__init__()
        options = {"one": torch.nn.Linear(4, 4), "two": torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Tanh())}
        self.first = supernas.Choice("first", options)
        self.last = torch.nn.Linear(4, 2)

    def forward(self, x):
        return self.last(self.first(x))


def test_a_model_of_ones_own_is_a_program_but_no_source(tmp_path):
    space, inputs = supernas.ModelSpace(Own), torch.randn(20, 4)
    data = (inputs, (inputs[:, 0] > 0).long())
    supernas.train("first=two", space=space, data=data, epochs=1, out=tmp_path / "run")
    trained = read_trained(tmp_path / "run", space)
    form = formats.get("pt2")
    form.check(trained)
    form.write(trained, tmp_path)
    read = {}
    exec(form.reader, read)
    assert check.compared(read["predict"](tmp_path, trained.examples).detach(), trained.logits).largest > 0
    with pytest.raises(UserError, match=r"how a ModelNetwork reads as source.*format='pt2' or format='onnx'"):
        export(tmp_path / "run", space=space)
    with pytest.raises(UserError, match="training of the model 'own': its code is yours"):
        export(tmp_path / "run")
    with pytest.raises(UserError, match="is a run in the space own, not nas-bench-201"):
        export(tmp_path / "run", space=supernas.space("nas-bench-201"))


def test_what_cannot_be_exported_is_said_in_one_line(runs, tmp_path, monkeypatch):
    def refused(reason, run, **options):
        with pytest.raises(UserError, match=reason) as caught:
            export(run, **{"out": tmp_path / "out", **options})
        assert "\n" not in str(caught.value)

    run = runs["nas-bench-201"]
    refused("take format='pytorch'", runs["darts-rnn"], format="pt2")
    refused("unknown format 'onx'; did you mean 'onnx'", run, format="onx")
    refused("does not exist", tmp_path / "nowhere")
    refused("is no run folder", tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    refused("taken is not empty", run, out=tmp_path / "taken")
    refused("file is not empty", run, out=tmp_path / "taken" / "file")

    copy = tmp_path / "copy"
    copy.mkdir()
    copy.joinpath("config.json").write_text(run.joinpath("config.json").read_text())
    refused("has not ended", copy)
    copy.joinpath("result.json").write_text(run.joinpath("result.json").read_text())
    refused("cannot read the weights .*weights.safetensors", copy)
    copy.joinpath("weights.safetensors").write_bytes(run.joinpath("weights.safetensors").read_bytes()[:-9])
    refused("is damaged", copy / "weights.safetensors")
    save_file({"one": torch.zeros(1)}, copy / "weights.safetensors")
    noted_anew(copy)
    refused("not of this training", copy)
    copy.joinpath("config.json").write_text(json.dumps({"search": {}}))
    noted_anew(copy)
    refused("is a search.*first train what it found, supernas.train", copy)

    monkeypatch.setattr(onnx_format, "find_spec", lambda name: None)
    refused("pip install onnx onnxscript onnxruntime", run, format="onnx")
