"""The graph autoencoder on D-VAE's own data set: 20,020 six-layer ENAS architectures with weight-sharing accuracies.

Protocol of Zhang et al., "D-VAE: A Variational Autoencoder for Directed Acyclic Graphs", NeurIPS 2019 (and its released
code): the first 1,000 rows are dropped, the others shuffled by `random.Random(0)` and split 90/10; reconstruction is
averaged over 10 encodings times 10 stochastic decodings of each test graph; validity over 10 stochastic decodings of
each of 1,000 draws from the prior; a sparse Gaussian process with 500 inducing points predicts standardised accuracy
from the mean code (RMSE in standard deviations of the training accuracies, Pearson's r).

    python benchmarks/enas_dags.py final_structures6.txt --output enas-dags.json

Expected (one thread, 12 minutes, 60 epochs): reconstruction 99.3 %, validity 100 %, RMSE 0.298, Pearson 0.952.
"""

import argparse
import ast
import json
import random
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from supernas.core.graphs import Graph, GraphFamily, Vertex
from supernas.methods.e2nas.autoencoder import AutoencoderSettings, GraphAutoencoder, train
from supernas.methods.e2nas.autoencoder.evaluation import reconstructed

OPERATIONS = ("conv3", "sep3", "conv5", "sep5", "avg3", "max3")
FAMILY = GraphFamily(
    ("input", "output", *OPERATIONS),
    (
        Vertex((0,)),
        *(Vertex(tuple(range(2, 8)), tuple(range(v)), "any", always=(v - 1,)) for v in range(1, 7)),
        Vertex((1,), (6,)),
    ),
)
SETTINGS = AutoencoderSettings(
    latent=56, encoder_hidden=128, decoder_hidden=128, noise=0.1, epochs=60, batch=128, learning_rate=2e-3
)


def read(path: Path) -> list[tuple[Graph, float]]:
    """The rows after the first 1,000: vertex i takes vertex i-1 and those of the earlier ones that are flagged."""
    rows = []
    for line in path.read_text().splitlines()[1000:]:
        layers, accuracy = ast.literal_eval(line)
        into = [(*(source for source, flag in enumerate(layer[1:]) if flag), i) for i, layer in enumerate(layers)]
        types = (0, *(layer[0] + 2 for layer in layers), 1)
        rows.append((Graph(types, ((), *into, (6,))), float(accuracy)))
    return rows


@torch.no_grad()
def reconstruction(model: GraphAutoencoder, graphs: list[Graph], generator: torch.Generator) -> float:
    """The share of 10 x 10 encodings and stochastic decodings that give the graph back."""
    packed = model.pack(graphs)
    mean, log_variance = model.encode(packed)
    right = 0
    for _ in range(10):
        codes = model.draw(mean, log_variance, generator)
        for _ in range(10):
            decoded = model.decode_stochastic(codes, generator).packed
            same = (decoded.types == packed.types).all(1) & (decoded.edges == packed.edges).flatten(1).all(1)
            right += int(same.sum())
    return right / (100 * len(graphs))


class SparseGaussianProcess:
    """Titsias' sparse Gaussian process (AISTATS 2009), squared exponential kernel with one length scale a dimension."""

    def __init__(self, inputs: Tensor, targets: Tensor, inducing: int, steps: int, subset: int, seed: int) -> None:
        """Learn scales on a random subset by Adam on the collapsed bound, then condition on all the data."""
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(inputs), generator=generator)
        self.points = inputs[order[:inducing]].clone().requires_grad_()
        self.logs = torch.zeros(inputs.shape[1] + 2, dtype=torch.float64)
        self.logs[:-2] = 0.5 * np.log(inputs.shape[1])
        self.logs[-1] = -2.0
        self.logs.requires_grad_()
        optimiser = torch.optim.Adam([self.points, self.logs], lr=0.03)
        part = order[:subset]
        for _ in range(steps):
            optimiser.zero_grad()
            (-self._bound(inputs[part], targets[part]) / subset).backward()
            optimiser.step()
        with torch.no_grad():
            self.lower, self.middle, self.projected, _ = self._condition(inputs, targets)

    def _kernel(self, a: Tensor, b: Tensor) -> Tensor:
        a, b = a / self.logs[:-2].exp(), b / self.logs[:-2].exp()
        squares = a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T
        return self.logs[-2].exp() * torch.exp(-0.5 * squares.clamp_min(0))

    def _condition(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        noise = self.logs[-1].exp()
        eye = torch.eye(len(self.points), dtype=torch.float64)
        lower = torch.linalg.cholesky(self._kernel(self.points, self.points) + 1e-6 * eye)
        whitened = torch.linalg.solve_triangular(lower, self._kernel(self.points, inputs), upper=False) / noise.sqrt()
        middle = torch.linalg.cholesky(eye + whitened @ whitened.T)
        projected = torch.linalg.solve_triangular(middle, whitened @ targets[:, None], upper=False) / noise.sqrt()
        return lower, middle, projected, whitened

    def _bound(self, inputs: Tensor, targets: Tensor) -> Tensor:
        noise, amplitude, count = self.logs[-1].exp(), self.logs[-2].exp(), len(inputs)
        _, middle, projected, whitened = self._condition(inputs, targets)
        fit = -0.5 * (targets.square().sum() / noise - projected.square().sum())
        volume = -middle.diagonal().log().sum() - 0.5 * count * noise.log()
        return fit + volume - 0.5 * (count * amplitude / noise - whitened.square().sum())

    @torch.no_grad()
    def predict(self, inputs: Tensor) -> Tensor:
        """The predictive mean."""
        kernel = self._kernel(self.points, inputs)
        inner = torch.linalg.solve_triangular(self.lower, kernel, upper=False)
        return (torch.linalg.solve_triangular(self.middle, inner, upper=False).T @ self.projected)[:, 0]


def prediction(model: GraphAutoencoder, train_rows: list, test_rows: list, seed: int) -> dict[str, float]:
    """RMSE and Pearson's r of the Gaussian process on the test graphs, accuracies standardised by the training ones."""
    codes = [model.encode([graph for graph, _ in rows])[0].double() for rows in (train_rows, test_rows)]
    targets = [
        torch.tensor([accuracy for _, accuracy in rows], dtype=torch.float64) for rows in (train_rows, test_rows)
    ]
    mean, deviation = targets[0].mean(), targets[0].std(correction=0)
    known, wanted = ((values - mean) / deviation for values in targets)
    process = SparseGaussianProcess(codes[0], known, inducing=500, steps=100, subset=2000, seed=seed)
    predicted = process.predict(codes[1])
    return {
        "rmse": float((predicted - wanted).square().mean().sqrt()),
        "pearson": float(torch.corrcoef(torch.stack([predicted, wanted]))[0, 1]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="final_structures6.txt of the D-VAE repository")
    parser.add_argument("--output", type=Path, help="where the figures go (JSON)")
    parser.add_argument("--epochs", type=int, default=SETTINGS.epochs)
    arguments = parser.parse_args()
    rows = read(arguments.data)
    random.Random(0).shuffle(rows)
    cut = int(0.9 * len(rows))
    train_rows, test_rows = rows[:cut], rows[cut:]
    settings = AutoencoderSettings(**{**vars(SETTINGS), "epochs": arguments.epochs})

    start = time.perf_counter()
    model = train(FAMILY, [graph for graph, _ in train_rows], settings, lambda epoch: print(epoch, flush=True))
    figures: dict[str, float] = {"training_seconds": time.perf_counter() - start}
    figures["graphs_trained_per_second"] = len(train_rows) * settings.epochs / figures["training_seconds"]

    generator = torch.Generator().manual_seed(settings.seed)
    test_graphs = [graph for graph, _ in test_rows]
    figures["reconstruction"] = reconstruction(model, test_graphs, generator)
    greedy = reconstructed(model, model.pack(test_graphs))
    figures["reconstruction_of_mean_codes_greedy"] = float(greedy.double().mean())
    start = time.perf_counter()
    codes = model.encode(test_graphs)[0]
    figures["graphs_encoded_per_second"] = len(codes) / (time.perf_counter() - start)
    prior = torch.randn(1000, settings.latent, generator=generator)
    start = time.perf_counter()
    drawn = [graph for _ in range(10) for graph in model.decode_stochastic(prior, generator).graphs]
    figures["graphs_decoded_per_second"] = len(drawn) / (time.perf_counter() - start)
    figures["validity"] = sum(FAMILY.contains(graph) for graph in drawn) / len(drawn)
    figures["unique"] = len(set(drawn)) / len(drawn)
    known = {graph for graph, _ in train_rows}
    figures["new"] = sum(graph not in known for graph in set(drawn)) / len(set(drawn))
    print(figures, flush=True)
    figures.update(prediction(model, train_rows, test_rows, settings.seed))
    print(json.dumps(figures, indent=2))
    if arguments.output is not None:
        arguments.output.write_text(json.dumps({"settings": vars(settings), **figures}, indent=2, default=str) + "\n")


if __name__ == "__main__":
    main()
