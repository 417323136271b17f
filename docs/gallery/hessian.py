"""# The Hessian's eigenvalue and skip connections

DARTS often ends with cells of skip connections alone. R-DARTS found what goes before it: the validation loss gets
sharp in the architecture parameters. Both can be watched while a search runs, and a stopping rule can act on either.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import supernas

# %%
# ## The search
# DARTS on scikit-learn's digits, at a learning rate that stays high. `watch` names what is recorded after every epoch.

folder = Path(tempfile.mkdtemp())
search = supernas.Search(
    method="darts",
    epochs=30,
    watch="hessian,skips",
    out=folder / "search",
    set=[
        *("supernet.channels=4", "search.batch_size=128", "weights.lr=0.1", "weights.lr_min=0.1"),
        *("watch.hessian.images=128", "watch.hessian.probes=1"),
    ],
)
lines = [epoch.metrics for epoch in search]
print(search.finish().text)
eigenvalues = [line["hessian.eigenvalue"] for line in lines]
skips = [line["skips.cell"] for line in lines]

# %%
# ## The picture
# How sharp the loss is, and how many edges a skip connection leads. A minute on digits is not the fifty epochs on
# CIFAR-10 after which R-DARTS counted: what to look for is whether the lower line follows the upper one.

plt.style.use("tableau-colorblind10")
figure, (above, below) = plt.subplots(2, 1, figsize=(5, 4.6), sharex=True, layout="constrained")
epochs = range(1, len(lines) + 1)
above.plot(epochs, eigenvalues, linewidth=2)
above.set(ylabel="dominant eigenvalue", title="Sharpness and skip connections of a search")
below.step(epochs, skips, where="mid", linewidth=2, color="C1")
below.set(ylabel="skip connections\nof 6 edges", xlabel="epoch", ylim=(-0.3, 6.3))
plt.show()
