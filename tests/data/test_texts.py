"""Texts: vocabulary, files, windows that join without a gap, and exact resumption."""

import io

import pytest
import torch

from supernas.core.errors import UserError
from supernas.data import TextStream, load_text, windows
from supernas.data.texts import END, UNKNOWN, Words, numbered

TEXTS = {"train": "a b\n\nc a\n", "valid": "b z\n", "test": "c\n"}


def write(folder, texts=TEXTS, pattern="{}.txt"):
    folder.mkdir(parents=True, exist_ok=True)
    for split, text in texts.items():
        (folder / pattern.format(split)).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("pattern", ["{}.txt", "ptb.{}.txt", "wiki.{}.tokens"])
def test_the_vocabulary_is_that_of_the_training_text(tmp_path, pattern):
    data = load_text(write(tmp_path / "mine", pattern=pattern))
    assert data.name == "mine"
    assert data.vocabulary == ("a", "b", "<eos>", "c", "<unk>")
    assert data.words["train"].tolist() == [0, 1, 2, 2, 3, 0, 2]
    assert data.words["valid"].tolist() == [1, 4, 2]
    assert data.words["test"].tolist() == [3, 2]


def test_pythons_own_text():
    data, again = load_text("python-docs"), load_text("python-docs")
    assert torch.equal(data.words["train"], again.words["train"])
    sizes = [len(part) for part in (data.words["train"], data.words["valid"], data.words["test"])]
    assert sizes[0] == pytest.approx(0.8 * sum(sizes), abs=1)
    assert 50_000 < sum(sizes) < 200_000
    assert 1_000 < len(data.vocabulary) < 5_000
    unknown = data.vocabulary.index("<unk>")
    assert (data.words["test"] == unknown).double().mean() < 0.1
    assert "SHA-256" in data.note


def test_published_texts(data_root, tmp_path):
    penn = data_root / "penn"
    texts = {split: (penn / f"{split}.txt").read_text() for split in ("valid", "test")}
    data = load_text("penn-treebank", write(tmp_path / "penn", {"train": texts["test"], **texts}).parent)
    assert (len(data.words["valid"]), len(data.words["test"])) == (73_760, 82_430)  # published
    assert "82,430, 73,760, 82,430; published 929,589" in data.note
    valid, test = (data_root / "wikitext-2" / f"{split}.txt" for split in ("valid", "test"))
    wiki = {"train": test.read_text(), "valid": valid.read_text(), "test": test.read_text()}
    data = load_text("wikitext-2", write(tmp_path / "wikitext-2", wiki))
    assert (len(data.words["valid"]), len(data.words["test"])) == (217_646, 245_569)


def test_mistakes(tmp_path):
    for split in TEXTS:
        part = {name: text for name, text in TEXTS.items() if name != split}
        with pytest.raises(UserError, match=f"holds no {split} text; wanted train.txt, valid.txt and test.txt"):
            load_text(write(tmp_path / f"no {split}", part))
    with pytest.raises(UserError, match="'pen-treebank'; did you mean 'penn-treebank'"):
        load_text("pen-treebank")
    with pytest.raises(UserError, match=f"penn-treebank is not in {tmp_path}; put ptb.train.txt"):
        load_text("penn-treebank", tmp_path)
    with pytest.raises(UserError, match="there is no folder"):
        load_text(tmp_path / "nowhere")
    write(tmp_path / "latin")
    (tmp_path / "latin" / "valid.txt").write_bytes(b"\xe4")
    with pytest.raises(UserError, match=r"valid.txt is not UTF-8"):
        load_text(tmp_path / "latin")
    for text in ([1], [1] * 35):
        with pytest.raises(UserError, match="is shorter than a window of 35"):
            TextStream(torch.tensor(text), 3)
    with pytest.raises(UserError, match="no next word"):
        next(windows(torch.tensor([1]), 3))


# --- windows ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deviation", [0.0, 5.0])
def test_windows_join_and_targets_are_the_next_words(deviation):
    text = torch.arange(4_000)
    stream = TextStream(text, 4, deviation=deviation, seed=3)
    columns, passes = text.view(4, 1000), []
    for _ in range(150):
        batch = next(stream)
        if not batch.follows:
            passes.append([])
        passes[-1].append(batch)
        assert torch.equal(batch.targets, batch.inputs + 1)
        assert 5 <= len(batch.inputs) <= 55
        assert batch.share == len(batch.inputs) / 35
    lengths = [tuple(len(batch.inputs) for batch in one) for one in passes[:-1]]
    assert len(set(lengths)) == len(lengths) > 2
    for one in passes[:-1]:
        read = torch.cat([batch.inputs for batch in one]).t()
        assert torch.equal(read, columns[:, : read.shape[1]])
        assert read.shape[1] >= 999 - 4  # a short rest is left out
    if deviation == 0:
        assert {length for one in lengths for length in one[:-1]} == {17, 35}


def test_an_epoch_has_as_many_windows_as_a_pass_on_average():
    stream = TextStream(torch.zeros(200_000, dtype=torch.int64), 2, deviation=5.0)
    firsts = [number for number in range(60_000) if not next(stream).follows]
    assert (firsts[-1] - firsts[0]) / (len(firsts) - 1) == pytest.approx(stream.steps_per_epoch, rel=0.01)


@pytest.mark.parametrize("steps", [0, 2, 7, 30])
def test_resumes_bit_for_bit(steps):
    text = torch.arange(3_000)
    original = TextStream(text, 4, deviation=5.0, seed=1)
    for _ in range(steps):
        next(original)
    file = io.BytesIO()
    torch.save(original.state_dict(), file)
    file.seek(0)
    expected = [next(original) for _ in range(50)]
    resumed = TextStream(text, 4, deviation=5.0, seed=99)
    next(resumed)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    for batch in expected:
        again = next(resumed)
        assert torch.equal(batch.inputs, again.inputs)
        assert (batch.share, batch.follows) == (again.share, again.follows)
    with pytest.raises(UserError, match="750 time steps, this one 600"):
        TextStream(text, 5).load_state_dict(original.state_dict())


def test_few_words_make_fewer_columns():
    stream = TextStream(torch.arange(80), 10)
    assert stream.batch_size == 2
    assert next(stream).inputs.shape == (35, 2)


def test_an_ordered_pass_predicts_every_word_of_a_column_but_its_first():
    text = torch.arange(103)
    parts = list(windows(text, 4, bptt=10))
    assert [batch.follows for batch in parts] == [False, True, True]
    assert [len(batch.inputs) for batch in parts] == [10, 10, 4]
    assert torch.equal(torch.cat([batch.targets for batch in parts]).t(), text[:100].view(4, 25)[:, 1:])
    limited = list(windows(text, 4, bptt=10, limit=13))
    assert [len(batch.inputs) for batch in limited] == [10, 3]
    assert next(windows(torch.arange(3), 10)).inputs.shape == (2, 1)


def test_a_vocabulary_of_the_most_frequent_words():
    words = Words(["a", "b", "b", "c", "a", "d"], ["d", "b"], ["c"])
    numbers, vocabulary = numbered(words, limit=2)
    assert vocabulary == ("a", "b", END, UNKNOWN)
    assert numbers["train"].tolist() == [0, 1, 1, 3, 0, 3]
    assert numbers["valid"].tolist() == [3, 1]
