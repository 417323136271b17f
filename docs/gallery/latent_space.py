"""# A search's path through the latent space

E2NAS does not choose among 15,625 cells; it moves a point in the latent space of a graph autoencoder, and the decoder
says which cell each point is. A flat cut through that space is a map: every patch of one colour is one cell. Here is
the cut in which a search went, and its way.
"""

import os
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

import supernas
from supernas.benchmarks import load
from supernas.methods.e2nas.autoencoder import load_pretrained

# %%
# ## The search
# A short one on scikit-learn's digits (1,797 images of 8x8), whose second half moves the point `alpha`. A listener
# keeps where it is after every step.

folder = Path(tempfile.mkdtemp())
codes = []
search = supernas.Search(
    method="e2nas",
    epochs=20,
    out=folder / "search",
    set=["supernet.channels=4"],
    on_step=lambda progress, metrics: codes.append(search.state.method.alpha.detach()[0].clone()),
)
result = search.run()
path = torch.stack(codes[len(codes) // 2 :])  # the first half draws a new point at every step
print(result.text)

# %%
# ## The map
# The two directions in which the path varies most span the plane. Its points are decoded, each to a cell.

mean = path.mean(0)
axes = torch.linalg.svd(path - mean, full_matrices=False).Vh[:2]
way = (path - mean) @ axes.T
side = 1.3 * way.abs().max()
ticks = torch.linspace(-side, side, 100)
plane = torch.cartesian_prod(ticks, ticks)
space = supernas.space("nas-bench-201")
decoder = load_pretrained(space)
with torch.no_grad():
    cells = [space.from_graph(graph) for graph in decoder.decode(mean + plane @ axes).graphs]
print(len(set(cells)), "cells in the plane")

# %%
# ## The colour
# With a table of true accuracies (`supernas benchmark import`, its path in `$NB201_TABLE`) the colour is the accuracy
# on CIFAR-10. Without one it is a stand-in, and the picture says so: the validation accuracy of each cell with the
# weights that the search's supernet has for it, which is what the search itself could know.

table = load(os.environ["NB201_TABLE"]) if "NB201_TABLE" in os.environ else None


def accuracy(cell):
    """In percent."""
    return table.query(cell, dataset="cifar10", split="test", epochs=200).mean if table else search.validate(cell)


known = {cell: accuracy(cell) for cell in set(cells)}
heights = np.array([known[cell] for cell in cells]).reshape(len(ticks), len(ticks)).T

# %%
# ## The picture

figure, area = plt.subplots(figsize=(5, 4.2), layout="constrained")
picture = area.imshow(heights, origin="lower", extent=(-side, side, -side, side), cmap="viridis")
area.plot(*way.T, color="white", linewidth=3)
area.plot(*way.T, color="black", linewidth=1.2)
area.plot(*way[0], "o", color="white", markeredgecolor="black", markersize=9, label="start")
area.plot(*way[-1], "*", color="white", markeredgecolor="black", markersize=16, label="end")
area.set(xlabel="first direction of the path", ylabel="second direction", title="Each patch is one cell")
area.legend(loc="upper right")
figure.colorbar(picture, label="true CIFAR-10 accuracy (%)" if table else "accuracy with shared weights (%)")
plt.show()
