"""# What a supernet forgets

All cells of a supernet share their weights, so a step that trains one cell can undo what others have learnt. NSAS
trains each cell together with an archive of diverse earlier ones. Six cells that are followed through a search show
the difference.
"""

import json
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import supernas

# %%
# ## Two searches
# Random single paths on scikit-learn's digits, at a learning rate that stays high. `track` names how many cells are
# asked after every epoch, with the weights that they have in the supernet then; what they say stands in the run's
# record. Both searches follow the same cells and take as many steps, but a step of NSAS trains five paths, so it
# costs more.

folder = Path(tempfile.mkdtemp())


def followed(objective, *options):
    """The accuracy of the followed cells [epochs, cells], in percent."""
    found = supernas.search(
        method="random-nas",
        objective=objective,
        epochs=20,
        track=6,
        out=folder / objective,
        set=["supernet.channels=4", "weights.lr=0.1", "weights.lr_min=0.1", *options],
    )
    lines = (found.folder / "metrics.jsonl").read_text().splitlines()
    return np.array([json.loads(line)["tracked"]["valid_metric"] for line in lines])


curves = {
    "each path alone": followed("plain"),
    "with NSAS": followed("nsas", "objective.members=4", "objective.beta=0.25"),
}

# %%
# ## The picture
# Wherever a line falls, something was forgotten.

figure, rows = plt.subplots(2, 1, figsize=(5, 5), sharex=True, sharey=True, layout="constrained")
for axes, (name, accuracies) in zip(rows, curves.items(), strict=True):
    for accuracy in accuracies.T:
        axes.plot(range(1, 21), accuracy, color="#0072b2", linewidth=1.2)
        for epoch in np.flatnonzero(np.diff(accuracy) < 0):
            axes.plot([epoch + 1, epoch + 2], accuracy[epoch : epoch + 2], color="#d55e00", linewidth=3)
    lost = -np.minimum(np.diff(accuracies, axis=0), 0).sum(0).mean()
    axes.set(title=f"{name}: a cell loses {lost:.0f} points in all", ylabel="accuracy (%)")
rows[-1].set(xlabel="epoch", xticks=range(0, 21, 5))
plt.show()
