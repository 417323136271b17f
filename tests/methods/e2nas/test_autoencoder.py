"""The graph autoencoder: against slow twins, finite differences and sums over whole families; and the shipped one."""

import itertools
import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.core.graphs import Graph, GraphFamily, Vertex
from supernas.core.records import write_record
from supernas.methods.e2nas.autoencoder import (
    AutoencoderSettings,
    GraphAutoencoder,
    load_autoencoder,
    load_pretrained,
    train,
)
from supernas.methods.e2nas.autoencoder.evaluation import evaluate, reconstructed, train_held_out
from supernas.methods.e2nas.autoencoder.messages import MessagePassing
from supernas.methods.e2nas.autoencoder.pretrained import SHIPPED, training_graphs
from supernas.spaces import get

SPACE = get("nas-bench-201")
SMALL = AutoencoderSettings(latent=3, encoder_hidden=8, decoder_hidden=8, batch=64, epochs=2)

# Two inputs; two operations that take one predecessor each (the second may be of fewer types); a vertex that takes any
# predecessors, one of them always; a fixed sum. Choices are edges into the node that operations 2 and 3 stand for.
PAIRS = {(source, kind): (source, kind - 1) for source in (0, 1) for kind in (1, 2, 3)}
MIXED = GraphFamily(
    ("input", "a", "b", "c", "sum"),
    (
        Vertex((0,)),
        Vertex((0,)),
        Vertex((1, 2, 3), (0, 1), "one", pairs=PAIRS),
        Vertex((1, 2), (0, 1), "one", pairs=PAIRS),
        Vertex((1, 3), (0, 1, 2, 3), "any", always=(3,)),
        Vertex((4,), (2, 3, 4)),
    ),
)


def all_mixed() -> list[Graph]:
    """All 6 * 4 * 16 graphs of MIXED, by brute force."""
    graphs = []
    for t2, p2, t3, p3, t4, taken in itertools.product(
        (1, 2, 3), (0, 1), (1, 2), (0, 1), (1, 3), itertools.product((0, 1), repeat=3)
    ):
        into = (*(source for source in range(3) if taken[source]), 3)
        graphs.append(Graph((0, 0, t2, t3, t4, 4), ((), (), (p2,), (p3,), into, (2, 3, 4))))
    return graphs


def model_of(family: GraphFamily, settings: AutoencoderSettings = SMALL, seed: int = 0) -> GraphAutoencoder:
    """An untrained, frozen autoencoder in float64, with large weights so that its predictions differ."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = GraphAutoencoder(family, settings).double()
        for parameter in model.parameters():
            parameter.data += 0.5 * torch.randn_like(parameter)
    return model.requires_grad_(False)


def encode_vertex_by_vertex(model: GraphAutoencoder, graph: Graph) -> tuple[Tensor, Tensor]:
    """The encoder as D-VAE writes it: one vertex at a time, one-hot vectors, an ordinary GRU cell."""
    ends = []
    size = len(graph.types)
    predecessors = list(graph.predecessors)
    successors = [tuple(v for v in range(size) if u in graph.predecessors[v]) for u in range(size)]
    for passing, sources, order, last in zip(
        model.encoder.directions,
        (predecessors, successors),
        (range(size), reversed(range(size))),
        ([size - 1], [v for v in range(size) if not model.family.vertices[v].candidates]),
        strict=True,
    ):
        assert isinstance(passing, MessagePassing)
        hidden = passing.hidden
        cell = torch.nn.GRUCell(len(model.family.type_names), hidden).double()
        cell.weight_ih.data, cell.bias_ih.data = passing.kinds.weight.T, torch.zeros(3 * hidden).double()
        cell.weight_hh.data, cell.bias_hh.data = passing.state.weight, passing.state.bias
        product = torch.cat([passing.message.weight, passing.numbers.weight.T], 1)
        messages: dict[int, Tensor] = {}
        for vertex in order:
            incoming = torch.zeros(1, hidden).double()
            for source in sources[vertex]:
                incoming = incoming + messages[source]
            one_hot = torch.eye(len(model.family.type_names)).double()[graph.types[vertex]]
            state = cell(one_hot[None], incoming)
            both = torch.cat([state, torch.eye(size).double()[vertex][None]], 1) @ product.T
            messages[vertex] = both[:, :hidden] * torch.sigmoid(both[:, hidden:])
        ends.append(sum((messages[vertex] for vertex in last), torch.zeros(1, hidden).double()))
    joined = model.encoder.unify(torch.cat(ends, 1))
    return model.encoder.mean(joined)[0], model.encoder.log_variance(joined)[0]


@pytest.mark.parametrize(
    ("family", "graphs"),
    [(SPACE.graph_family, [SPACE.to_graph(SPACE[i]) for i in (0, 1462, 9999)]), (MIXED, all_mixed()[::40])],
    ids=["nas-bench-201", "varying-edges"],
)
def test_batched_encoder_equals_vertex_by_vertex(family: GraphFamily, graphs: list[Graph]) -> None:
    model = model_of(family)
    mean, log_variance = model.encode(graphs)
    for number, graph in enumerate(graphs):
        slow_mean, slow_log_variance = encode_vertex_by_vertex(model, graph)
        torch.testing.assert_close(mean[number], slow_mean, rtol=0, atol=1e-6)
        torch.testing.assert_close(log_variance[number], slow_log_variance, rtol=0, atol=1e-6)
    reordered, _ = model.encode(graphs[::-1])
    torch.testing.assert_close(reordered.flip(0), mean)


def test_probabilities_of_all_graphs_sum_to_one() -> None:
    """One softmax, sigmoid or mask too many or too few would show: types restricted, one and any predecessors."""
    model, graphs = model_of(MIXED), all_mixed()
    packed = model.pack(graphs)
    for code in torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)):
        total = model.log_likelihood(code.expand(len(graphs), -1), packed).exp().sum()
        assert float(total) == pytest.approx(1.0, abs=1e-9)


def test_stochastic_decoding_follows_the_likelihood_and_is_valid() -> None:
    model, graphs = model_of(MIXED), all_mixed()
    code = torch.tensor([0.3, -1.0, 0.7], dtype=torch.float64)
    expected = model.log_likelihood(code.expand(len(graphs), -1), model.pack(graphs)).exp()
    draws = 20_000
    drawn = Counter(model.decode_stochastic(code.expand(draws, -1), torch.Generator().manual_seed(0)).graphs)
    assert set(drawn) <= set(graphs)
    observed = torch.tensor([drawn[graph] / draws for graph in graphs], dtype=torch.float64)
    standard_error = (expected * (1 - expected) / draws).sqrt()
    assert ((observed - expected).abs() <= 5 * standard_error + 1 / draws).all()


def test_weights_matrix_sums_over_vertices_by_predecessor_and_type() -> None:
    model = model_of(MIXED)
    code = torch.randn(1, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    decoded = model.decode(code)
    relaxed, taken = torch.zeros(2, 3, dtype=torch.float64), torch.zeros(2, 3, dtype=torch.float64)
    for made in decoded.predictions:
        for row, vertex in enumerate(made.level.vertices):
            for (source, kind), (choice, option) in (MIXED.vertices[vertex].pairs or {}).items():
                assert made.edges is not None
                type_probability = made.types[0, row].softmax(-1)[kind - 1]
                source_probability = made.edges[0, row].softmax(-1)[made.level.known.index(source)]
                relaxed[choice, option] += type_probability * source_probability
                graph = decoded.graphs[0]
                taken[choice, option] += graph.types[vertex] == kind and graph.predecessors[vertex] == (source,)
    assert float(relaxed.sum()) == pytest.approx(2.0)  # two operations
    torch.testing.assert_close(model.probabilities(code)[0], relaxed)
    torch.testing.assert_close(model.probabilities(code, straight_through=True)[0], taken)


@pytest.mark.parametrize("family", [SPACE.graph_family, MIXED], ids=["nas-bench-201", "varying-edges"])
def test_probabilities_have_right_first_and_second_derivatives(family: GraphFamily) -> None:
    model = model_of(family)
    code = torch.tensor([[0.2, -0.5, 0.9]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z: model.probabilities(z, temperature=2.0), (code,))
    assert torch.autograd.gradgradcheck(lambda z: model.probabilities(z, temperature=2.0), (code,))


def test_straight_through_has_the_decoded_value_and_the_probabilities_gradient() -> None:
    model = model_of(SPACE.graph_family)
    codes = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(5, 6, 5, dtype=torch.float64)
    relaxed = model.probabilities(codes, 3.0)
    hard = model.probabilities(codes, 3.0, straight_through=True)
    decoded = [SPACE.from_graph(graph) for graph in model.decode(codes).graphs]
    expected = torch.stack([torch.from_numpy(SPACE.matrices(architecture)["cell"]) for architecture in decoded])
    torch.testing.assert_close(hard.detach(), expected, rtol=0, atol=1e-12)
    assert torch.equal(relaxed.argmax(-1), hard.argmax(-1))
    gradients = [torch.autograd.grad((weights * matrix).sum(), codes)[0] for matrix in (relaxed, hard)]
    assert gradients[0].abs().sum() > 0
    torch.testing.assert_close(*gradients)


def test_training_learns_varying_edges_deterministically() -> None:
    settings = AutoencoderSettings(
        latent=8, encoder_hidden=32, decoder_hidden=32, noise=0.1, batch=32, epochs=15, learning_rate=1e-2
    )
    losses: list[float] = []
    before = torch.random.get_rng_state()
    model = train(MIXED, all_mixed(), settings, lambda epoch: losses.append(epoch.reconstruction))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert losses[-1] < 0.5 * losses[0]
    measured = evaluate(model, all_mixed(), draws=300)
    assert measured.reconstructed > len(all_mixed()) / 20  # by chance: one
    assert measured.prior_valid == 300
    assert measured.code_deviation == pytest.approx((1.0, 1.0), abs=1e-3)
    again = [train(MIXED, all_mixed(), SMALL).state_dict() for _ in range(2)]
    assert all(torch.equal(again[0][name], again[1][name]) for name in again[0])


@pytest.mark.parametrize("name", [f"nas-bench-1shot1-{number}" for number in (1, 2, 3)])
def test_sets_of_predecessors_are_chosen_by_softmaxes(name: str) -> None:
    """Every code is a cell, whose choices are the softmaxes' largest; cells differ in their codes, dead blocks too."""
    space = get(name)
    model = model_of(space.graph_family)
    codes = torch.randn(40, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    W, decoded = model.relax(codes)
    held = torch.from_numpy(space.matrices(Architecture(space.pairs))["cell"]) > 0
    assert (W[:, ~held] == 0).all()
    torch.testing.assert_close(W.sum(-1), torch.ones(W.shape[:2], dtype=W.dtype))
    for matrix, graph in zip(W, decoded.graphs, strict=True):
        assert space.derive({"cell": matrix.numpy()}) == space.from_graph(graph)
    assert sorted(width for width in model.softmaxes.widths if width > 1) == sorted(space.gene_sizes)
    cells = [space.sample(np.random.default_rng(seed)) for seed in range(30)]
    cells = list(dict.fromkeys([*cells, *space.neighbours(cells[0])]))
    means, _ = model.encode([space.to_graph(cell) for cell in cells])
    assert (torch.cdist(means, means) + torch.eye(len(cells)) > 1e-9).all()


def test_families_that_cannot_be_coded_are_refused() -> None:
    cut_off = GraphFamily(("i", "a", "o"), (Vertex((0,)), Vertex((0, 1), (0,)), Vertex((2,), (0, 1), "one")))
    with pytest.raises(ValueError, match="vertex 1 varies but may have no path"):
        GraphAutoencoder(cut_off, SMALL)
    with pytest.raises(ValueError, match="nothing to decode"):
        GraphAutoencoder(GraphFamily(("i", "o"), (Vertex((0,)), Vertex((1,), (0,)))), SMALL)


def test_shipped_autoencoder_gives_back_all_nas_bench_201_cells() -> None:
    model = load_pretrained(SPACE)
    assert not any(parameter.requires_grad for parameter in model.parameters())
    graphs = training_graphs(SPACE, model.settings)
    assert len(graphs) == 15_625
    assert bool(reconstructed(model, model.pack(graphs)).all())
    codes = model.encode(graphs)[0]
    assert float((codes.std(0) - 1).abs().max()) < 1e-3
    prior = model.decode(torch.randn(1000, 16, generator=torch.Generator().manual_seed(0))).graphs
    assert all(SPACE.contains(SPACE.from_graph(graph)) for graph in prior)
    assert len(set(prior)) > 700


@pytest.mark.parametrize("name", sorted(file.stem for file in SHIPPED.glob("*.safetensors")))
def test_shipped_autoencoders_are_of_their_spaces_and_do_what_is_said_of_them(name: str) -> None:
    space, said = get(name), json.loads((SHIPPED / f"{name}.json").read_text())["measured"]
    model = load_pretrained(space, progress=lambda epoch: pytest.fail("it is trained anew"))
    generator = np.random.default_rng(1)
    graphs = [graph for _ in range(400) for graph in space.to_graphs(space.sample(generator))]
    share = float(reconstructed(model, model.pack(graphs)).double().mean())
    assert share == pytest.approx(said["reconstructed"] / said["graphs"], abs=0.04)


def test_damaged_or_foreign_files_are_named(tmp_path: Path) -> None:
    for file in SHIPPED.glob("nas-bench-201.*"):
        shutil.copy(file, tmp_path)
    weights = tmp_path / "nas-bench-201.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(UserError, match="is damaged"):
        load_autoencoder(weights, SPACE)
    content[-1] ^= 1
    weights.write_bytes(content)
    about = weights.with_suffix(".json")
    whole = json.loads(about.read_text())
    for change, said in (
        ({"family": "other"}, "other graphs"),
        ({"settings": 3}, "settings: wanted a valid dictionary"),
        ({"settings": {**whole["settings"], "graphs": "many"}}, "settings.graphs = 'many': wanted a valid integer"),
        ({"sha256": None}, "sha256: wanted a valid string"),
    ):
        write_record(about, {**whole, **change})
        with pytest.raises(UserError, match=said):
            load_autoencoder(weights, SPACE)
    about.write_text(json.dumps({**whole, "family": "other"}))
    with pytest.raises(UserError, match="its SHA-256 is not the one that it holds"):
        load_autoencoder(weights, SPACE)
    about.write_text("{")
    with pytest.raises(UserError, match="holds no JSON object"):
        load_autoencoder(weights, SPACE)
    with pytest.raises(UserError, match="no autoencoder at"):
        load_autoencoder(tmp_path / "none.safetensors", SPACE)


def test_other_settings_are_trained_once_and_cached(tmp_path: Path) -> None:
    settings = AutoencoderSettings(latent=4, encoder_hidden=8, decoder_hidden=8, graphs=100, epochs=2)
    epochs: list[int] = []
    first = load_pretrained(SPACE, settings, lambda epoch: epochs.append(epoch.number), tmp_path)
    again = load_pretrained(SPACE, settings, lambda epoch: epochs.append(epoch.number), tmp_path)
    assert epochs == [1, 2]
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".safetensors"]
    code = torch.randn(2, 4)
    assert torch.equal(first.probabilities(code), again.probabilities(code))


@pytest.mark.slow
def test_cells_held_out_of_training_come_back() -> None:
    result = train_held_out(SPACE, AutoencoderSettings())
    assert result.trained.reconstructed == result.trained.graphs
    assert result.support.option_mask_out.reconstructed >= 0.999 * result.support.option_mask_out.graphs
