"""# Proxies against truth

A zero-cost proxy scores a network that has not been trained. Whether its order is that of trained networks is an
empirical question, and a cheap one to ask: score some cells, train the same cells, compare.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import supernas

# %%
# ## The truth
# Twenty random cells, each trained from scratch for a few epochs on scikit-learn's digits. That is truth for these
# small networks on this small task; it is not NAS-Bench-201's. (With its table: `supernas correlate`.)

folder = Path(tempfile.mkdtemp())
space = supernas.space("nas-bench-201")
generator = np.random.default_rng(0)
cells = [space.sample(generator) for _ in range(20)]
cells = [cell for cell in cells if space.connected(cell)]
settings = ["network.channels=4"]
truth = np.array(
    [
        supernas.train(space.format(cell), epochs=4, out=folder / str(number), set=settings).test_accuracy
        for number, cell in enumerate(cells)
    ]
)

# %%
# ## The scores

names = ["parameters", "synflow", "naswot", "grad-norm"]
scores = supernas.score(cells, proxy=names, data="digits", channels=4, cells=1, out=folder / "scores")
rankings = scores.rankings(truth)

# %%
# ## The picture
# Ranks on both axes: a perfect proxy would be the diagonal.

figure, panels = plt.subplots(2, 2, figsize=(5, 5), sharex=True, sharey=True, layout="constrained")
for axes, name in zip(panels.flat, names, strict=True):
    axes.scatter(scores.scores[name].argsort().argsort() + 1, truth.argsort().argsort() + 1, s=30, color="#0072b2")
    axes.set_title(f"{name}: tau {rankings[name].tau.value:.2f}")
    axes.axline((1, 1), slope=1, color="0.7", zorder=0)
figure.supxlabel("rank by the proxy")
figure.supylabel("rank after training")
plt.show()
