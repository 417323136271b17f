"""# A Gaussian over architectures narrows

DARTS learns one number for each operation on each edge of a cell, and the largest wins. BaLeNAS learns a Gaussian of
each such number: as wide as its prior at first, drawn from at every step, and narrower where the evidence is clear.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm

import supernas

# %%
# ## The search
# On scikit-learn's digits. A search is an iterator: after each epoch the loop keeps where the Gaussian is.

folder = Path(tempfile.mkdtemp())
search = supernas.Search(
    method="balenas",
    epochs=20,
    out=folder / "search",
    set=["supernet.channels=4", "search.batch_size=128", "method.samples=1"],
)
means, deviations = [], []  # after each epoch [edges, operations]
for _ in search:
    gaussian = search.state.method.alpha_optimiser
    means.append(gaussian.mean[0].detach().numpy().copy())
    deviations.append(gaussian.deviations()[0].numpy().copy())
print(search.finish().text)
print("mean sigma after the first and the last epoch:", deviations[0].mean(), deviations[-1].mean())

# %%
# ## The picture
# The edge on which the winner leads most clearly, after the first, the fifth and the last epoch.

leads = np.diff(np.sort(means[-1], axis=1))[:, -1]
edge = int(leads.argmax())
names = search.config.space.choices[edge].options
numbers = np.linspace(-3, 4, 400)

plt.style.use("tableau-colorblind10")
figure, rows = plt.subplots(3, 1, figsize=(5, 5), sharex=True, layout="constrained")
for axes, epoch in zip(rows, (1, 5, 20), strict=True):
    for name, mean, deviation in zip(names, means[epoch - 1][edge], deviations[epoch - 1][edge], strict=True):
        density = norm.pdf(numbers, mean, deviation)
        (line,) = axes.plot(numbers, density, linewidth=2, label=name)
        axes.fill_between(numbers, density, color=line.get_color(), alpha=0.15, linewidth=0)
    axes.set(ylabel="density", title=f"after epoch {epoch}", ylim=(0, None))
rows[0].legend(loc="upper right", fontsize="small")
rows[-1].set_xlabel("architecture parameter of one edge")
plt.show()
