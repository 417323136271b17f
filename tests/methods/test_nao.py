"""NAO: the batched autoencoder against one sequence at a time, the ascent, and the life of the pool."""

import copy

import pytest
import torch
from scipy.stats import spearmanr
from torch.nn import functional as F

from supernas import spaces
from supernas.core.errors import UserError
from supernas.core.progress import Progress
from supernas.core.settings import build
from supernas.core.task import CLASSIFICATION
from supernas.methods.nao import NAO, SequenceAutoencoder, moved, to_unit, unseen
from supernas.steps.contracts import SearchContext
from supernas.steps.objectives.plain import Plain
from supernas.steps.optimisers import SGDSettings
from supernas.steps.sequences import genes_of

SPACE = spaces.get("nas-bench-201")
SIZES = (2, 3, 1, 3, 5)
MIN = CLASSIFICATION.__class__("toy", CLASSIFICATION.loss, CLASSIFICATION.metric, "metric", "min")


def random_genes(count, sizes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([torch.randint(size, (count,), generator=generator) for size in sizes], dim=1)


@pytest.fixture(scope="module")
def trained():
    """An autoencoder trained by the method on 300 cells whose score is a sum over genes; and the score."""
    torch.manual_seed(0)
    table = torch.randn(6, 5)
    known = [SPACE[number] for number in torch.randperm(len(SPACE))[:300].tolist()]
    genes = genes_of(SPACE, known)
    scores = to_unit(table[torch.arange(6), genes].sum(1).tolist())
    method = NAO(lr=5e-3, hidden=64)
    problem = SearchContext(SPACE.supernet(channels=2, cells=1), SPACE, CLASSIFICATION, Plain(), SGDSettings(), 100, 0)
    state = method.init(problem)
    method._fit(state, dict(zip(known, scores, strict=True)), 120)
    return method, state, genes, table


@pytest.fixture
def problem(toy_network):
    return SearchContext(toy_network(), SPACE, CLASSIFICATION, Plain(), SGDSettings(), 120, 3)


# --- the autoencoder ------------------------------------------------------------------------------------------------


def slowly(model, genes):
    """(embedding [places, hidden], predicted score, log p of each gene) of one sequence, step by step."""
    alphabet = model.alphabet
    symbols = [first + int(gene) for first, gene in zip(alphabet.first, genes, strict=True)]
    memory, vectors = None, []
    for symbol in symbols:
        hidden, memory = model.encoder(alphabet.embedding.weight[symbol][None, None], memory)
        vectors.append(hidden[0, 0] / hidden[0, 0].norm())
    mean = sum(vectors) / len(vectors)
    mean = mean / mean.norm()
    memory = (mean[None, None], torch.zeros_like(mean)[None, None])
    logs = []
    for before, symbol, first, size in zip(
        [alphabet.count, *symbols], symbols, alphabet.first, alphabet.sizes, strict=False
    ):
        hidden, memory = model.decoder(alphabet.embedding.weight[before][None, None], memory)
        hidden = hidden[0, 0]
        weights = torch.stack([hidden @ vector for vector in vectors]).softmax(0)
        context = sum(weight * vector for weight, vector in zip(weights, vectors, strict=True))
        scores = model.head(torch.tanh(model.attended(torch.cat([context, hidden]))))[first : first + size]
        logs.append(scores.log_softmax(0)[symbol - first])
    return torch.stack(vectors), torch.sigmoid(model.predictor(mean))[0], torch.stack(logs)


@pytest.mark.parametrize("shared", [False, True])
def test_the_batch_equals_one_sequence_at_a_time(shared):
    model, genes = SequenceAutoencoder(SIZES, 7, shared).double(), random_genes(9, SIZES)
    embedding = model.encode(genes)
    predicted, logs = model.predict(embedding), model.reconstruct(embedding, genes)
    for number, one in enumerate(genes):
        expected = slowly(model, one)
        for found, wanted in zip((embedding[number], predicted[number], logs[number]), expected, strict=True):
            torch.testing.assert_close(found, wanted)


def test_decoding_takes_the_likeliest_gene_each_time():
    model, genes = SequenceAutoencoder(SIZES, 7).double(), random_genes(9, SIZES)
    embedding = model.encode(genes).detach()
    decoded = model.decode(embedding)
    likeliest = model.reconstruct(embedding, decoded)
    for place, size in enumerate(SIZES):
        for value in range(size):
            other = decoded.clone()
            other[:, place] = value
            assert (model.reconstruct(embedding, other)[:, place] <= likeliest[:, place] + 1e-12).all()


def test_both_losses_reach_what_they_should():
    model, genes = SequenceAutoencoder(SIZES, 7).double(), random_genes(9, SIZES)
    predicting, writing = model.losses(genes, torch.rand(9, dtype=torch.float64))
    for loss, untouched in ((predicting, {"decoder", "attended", "head"}), (writing, {"predictor"})):
        model.zero_grad()
        loss.backward(retain_graph=True)
        reached = {name.split(".")[0] for name, one in model.named_parameters() if one.grad is not None}
        assert reached == {name for name, _ in model.named_children()} - untouched
        assert model.encoder.weight_hh_l0.grad.norm() > 1e-6


def test_the_ascents_gradient_and_step():
    model, genes = SequenceAutoencoder(SIZES, 7).double(), random_genes(4, SIZES)
    embedding = model.encode(genes).detach()
    gradient = model.uphill(embedding)
    direction = torch.randn_like(embedding)
    ahead, behind = (model.predict(embedding + sign * 1e-5 * direction) for sign in (1, -1))
    torch.testing.assert_close((gradient * direction).sum((1, 2)), (ahead - behind) / 2e-5, rtol=1e-5, atol=1e-9)
    assert (model.predict(moved(embedding, gradient, 0.1)) > model.predict(embedding)).all()
    torch.testing.assert_close(moved(embedding, gradient, 3.0).norm(dim=-1), torch.ones(4, 5, dtype=torch.float64))
    torch.testing.assert_close(moved(embedding, gradient, 0.0), embedding)


def test_it_learns_to_reconstruct_and_to_rank(trained):
    _, state, genes, table = trained
    model = state.autoencoder
    assert float((model.decode(model.encode(genes)) == genes).all(1).float().mean()) > 0.97
    others = random_genes(300, (5,) * 6, seed=7)
    truth = table[torch.arange(6), others].sum(1)
    assert spearmanr(model.predict(model.encode(others)).detach(), truth)[0] > 0.8


def test_the_ascent_finds_better_architectures(trained):
    method, state, genes, table = trained

    def score(architectures):
        return table[torch.arange(6), genes_of(SPACE, architectures)].sum(1)

    known = {SPACE.from_genes(row) for row in genes.tolist()}
    state = copy.copy(state)
    state.pool = sorted(known, key=lambda one: -float(score([one])))[:100]
    found = method.ascend(state, known)
    assert len(found) == len(set(found)) == method.new
    assert not known & set(found)
    assert score(found).mean() > score(state.pool[: method.top]).mean()
    assert F.relu(score(found) - score(state.pool).max()).sum() > 0  # one that is better than all before


# --- the pool -------------------------------------------------------------------------------------------------------


SMALL = {"pool": 12, "top": 4, "new": 3, "random": 2, "rounds": 3, "hidden": 8, "fit": 0.02, "images": 7}


def test_rounds_are_at_equal_distances_and_never_at_the_end(problem):
    method = NAO(rounds=3)
    due = [epoch for epoch in range(40) if method._due(Progress(0, 100, epoch, 40))]
    assert due == [9, 19, 29]
    assert [epoch for epoch in range(3) if method._due(Progress(0, 100, epoch, 3))] == [0, 1]
    assert not method._due(Progress(0, 100, 0, 1))


@pytest.mark.parametrize("task", [CLASSIFICATION, MIN], ids=["max", "min"])
def test_a_round_keeps_the_best_and_replaces_the_worst(problem, task):
    method = NAO(**SMALL)
    state = method.init(SearchContext(**{**vars(problem), "task": task}))
    before, asked = list(state.pool), []
    assert len(set(before)) == 12

    def validate(architecture, images=None, part=0):
        asked.append((architecture, images, part))
        return float(SPACE.index(architecture))

    best_first = sorted(before, key=SPACE.index, reverse=task.direction == "max")
    metrics = method.epoch(state, validate, Progress(29, 120, 0, 4))
    assert {"prediction_loss", "reconstruction_loss"} == set(metrics)
    assert asked == [(architecture, 7, 0) for architecture in before]
    assert state.pool[:7] == best_first[:7]
    assert len(set(state.pool)) == 12
    assert not set(state.pool[7:]) & set(before)
    assert method.derive(state, None) == best_first[0]
    kept = dict(zip(state.judged, state.scores, strict=True))
    assert [kept[one] for one in (best_first[0], best_first[-1])] == [1.0, 0.0]

    dropped = kept[best_first[-1]]
    del asked[:]
    second = list(state.pool)
    method.epoch(state, validate, Progress(59, 120, 1, 4))
    assert asked == [(architecture, 7, 1) for architecture in second]
    assert set(state.judged) == set(before) | set(second)
    assert dict(zip(state.judged, state.scores, strict=True))[best_first[-1]] == dropped
    best = (max if task.direction == "max" else min)(state.pool, key=SPACE.index)
    assert method.final(state, validate) == best


def test_paths_are_uniform_over_the_pool(problem, monkeypatch):
    method, paths = NAO(**SMALL), []
    state = method.init(problem)
    monkeypatch.setattr(type(state.trainer), "step", lambda self, batch, path, progress: paths.append(path) or {})
    for step in range(1200):
        method.step(state, None, None, Progress(step, 1200, 0, 1))
    assert set(paths) == set(state.pool)
    assert max(abs(paths.count(one) - 100) for one in state.pool) < 5 * (1200 / 12 * 11 / 12) ** 0.5


def test_no_more_is_drawn_than_there_is(problem):
    known = set(list(SPACE)[:-3])
    drawn = unseen(SPACE, 5, known, NAO().init(problem).paths)
    assert len(drawn) == len(set(drawn)) <= 3
    assert not set(drawn) & known


@pytest.mark.parametrize("values", [{"pool": 30}, {"top": 101}, {"pool": 20, "new": 5, "random": 2, "top": 21}])
def test_a_pool_that_is_too_small_is_refused(values):
    with pytest.raises(UserError, match=r"a pool of \d+ cannot have \d+ moved and"):
        build(NAO, values, "method")
