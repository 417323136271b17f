"""Draws `search.png`: where a search went on the map of the latent space of NAS-Bench-201.

python docs/images/search.py --data-dir FOLDER --benchmark nb201.safetensors

It searches CIFAR-10 with the preset `cpu` (about nine minutes of one thread) and keeps the run in
`runs/search-picture`, so that the same command draws again at once.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.patheffects import withStroke

import supernas
from supernas.benchmarks import Table, load
from supernas.methods.e2nas.autoencoder import load_pretrained

OUT = Path(__file__).with_suffix(".png")
RUN = Path("runs/search-picture")


def path_of_search(data_dir: Path) -> torch.Tensor:
    """The latent codes [steps, 16] of a search, from where its code begins to move on."""
    kept = RUN / "codes.npy"
    if not kept.exists():
        codes = []
        search = supernas.Search(
            data="cifar10",
            data_dir=data_dir,
            preset="cpu",
            out=RUN,
            resume=False,
            on_step=lambda progress, metrics: codes.append(search.state.method.alpha.detach().numpy()[0].copy()),
        )
        search.run()
        np.save(kept, codes)
    codes = torch.from_numpy(np.load(kept))
    return codes[len(codes) // 2 :]  # before, every step draws a new code


def plane_of(path: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean of a path and the two directions [2, 16] in which it varies most."""
    return path.mean(0), torch.linalg.svd(path - path.mean(0), full_matrices=False).Vh[:2]


def heights(table: Table, codes: torch.Tensor) -> np.ndarray:
    """The true accuracy of the cell of each code, in percent."""
    space = supernas.space("nas-bench-201")
    truth = table.column(dataset="cifar10", split="test", epochs=200)
    with torch.no_grad():
        graphs = [graph for part in codes.split(5000) for graph in load_pretrained(space).decode(part).graphs]
    return truth[[space.index(space.from_graph(graph)) for graph in graphs]]


def draw(path: torch.Tensor, table: Table, pixels: int = 400) -> None:
    """The map, and the path through it."""
    mean, axes = plane_of(path)
    way = (path - mean) @ axes.T
    centre = (way.amax(0) + way.amin(0)) / 2
    reach = 0.62 * (way.amax(0) - way.amin(0)).amax() * torch.tensor([1.6, 1.0])
    across, up = (
        torch.linspace(-1, 1, count) * side for count, side in zip((pixels * 8 // 5, pixels), reach, strict=True)
    )
    plane = centre + torch.stack(torch.meshgrid(across, up, indexing="xy"), dim=-1)
    accuracy = heights(table, mean + plane.reshape(-1, 2) @ axes).reshape(plane.shape[:2])

    figure, area = plt.subplots(figsize=(8, 4.4), layout="constrained")
    left, right, bottom, top = plane[0, 0, 0], plane[0, -1, 0], plane[0, 0, 1], plane[-1, 0, 1]
    shown = area.imshow(accuracy, origin="lower", extent=(left, right, bottom, top), cmap="viridis", vmin=80, vmax=94.4)
    area.plot(*way.T, color="white", linewidth=5, solid_joinstyle="round")
    area.plot(*way.T, color="#d1006f", linewidth=2.2)
    for place, mark, size, name in ((0, "o", 12, "start"), (-1, "*", 22, "end")):
        area.plot(*way[place], mark, color="#d1006f", markersize=size, markeredgecolor="white", markeredgewidth=1.5)
        text = area.annotate(
            name, way[place], (0, -24), textcoords="offset points", ha="center", weight="bold", fontsize=13
        )
        text.set_path_effects([withStroke(linewidth=3, foreground="white")])
    area.set(xticks=[], yticks=[], title="A search through the latent space: each patch is one cell")
    figure.colorbar(shown, label="true accuracy on CIFAR-10 (%)", extend="min")
    figure.savefig(OUT, dpi=120)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True, help="where the files of CIFAR-10 are")
    parser.add_argument("--benchmark", type=Path, required=True, help="a table from `supernas benchmark import`")
    given = parser.parse_args()
    draw(path_of_search(given.data_dir), load(given.benchmark))
