"""# The Hessian's eigenvalue and skip connections

DARTS often ends with cells of skip connections alone. R-DARTS found what goes before it: the validation loss gets
sharp in the architecture parameters. Both can be watched while a search runs.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import supernas

# %%
# ## The search
# DARTS on scikit-learn's digits. `watch` names what is recorded after every epoch.

folder = Path(tempfile.mkdtemp())
search = supernas.Search(
    method="darts",
    epochs=30,
    watch="hessian,skips",
    out=folder / "search",
    set=["supernet.channels=4", "search.batch_size=128", "watch.hessian.images=128", "watch.hessian.probes=1"],
)
lines = [epoch.metrics for epoch in search]
print(search.finish().text)
eigenvalues = [line["hessian.eigenvalue"] for line in lines]
skips = [line["skips.cell"] for line in lines]

# %%
# ## The picture

plt.style.use("tableau-colorblind10")
figure, (above, below) = plt.subplots(2, 1, figsize=(5, 4.6), sharex=True, layout="constrained")
epochs = range(1, len(lines) + 1)
above.plot(epochs, eigenvalues, linewidth=2)
above.set(ylabel="dominant eigenvalue", title="Sharp first, then skip connections")
below.step(epochs, skips, where="mid", linewidth=2, color="C1")
below.set(ylabel="skip connections\nof 6 edges", xlabel="epoch", ylim=(-0.3, 6.3))
plt.show()
