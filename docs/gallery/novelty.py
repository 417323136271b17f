"""# Novelty leaves a crowd

E2NAS is drawn to where it has not been: the density of the latent codes that it has visited says how well known a
place is, and a step against its gradient leads out. Here a point starts in the middle of a crowd of fifty codes,
without any data.
"""

import matplotlib.pyplot as plt
import torch

import supernas
from supernas.methods.e2nas.autoencoder import load_pretrained
from supernas.methods.e2nas.novelty import Novelty, NoveltySettings

# %%
# ## The crowd
# Fifty codes around one place in the latent space of NAS-Bench-201, which has 16 dimensions.

space = supernas.space("nas-bench-201")
model = load_pretrained(space)
generator = torch.Generator().manual_seed(0)
middle = torch.randn(16, generator=generator)
crowd = middle + 0.2 * torch.randn(50, 16, generator=generator)

# %%
# ## Two ways
# Sixty steps of length 0.1: one walk descends the density of the archive, which every step joins; the other is as
# long and goes anywhere.


def walk(direction):
    """The codes of a walk [61, 16] whose steps go along `direction(code, archive)`."""
    way = [middle]
    for _ in range(60):
        step = direction(way[-1], torch.cat([crowd, torch.stack(way)]))
        way.append(way[-1] + 0.1 * step / step.norm())
    return torch.stack(way)


novelty = Novelty(model.decisions, model.softmaxes.widths, model.settings.latent, NoveltySettings())


def away(code, archive):
    """Down the log density."""
    novelty.fit(archive)
    return -novelty.gradient(code)[0]


def anywhere(code, archive):
    """A random direction."""
    return torch.randn(16, generator=generator)


ways = {"novelty": walk(away), "random": walk(anywhere)}
visited = {name: len({space.from_graph(graph) for graph in model.decode(way).graphs}) for name, way in ways.items()}
for name, way in ways.items():
    print(f"{name}: {visited[name]} cells, ends {(way[-1] - middle).norm():.1f} from the middle of the crowd")

# %%
# ## The picture
# Across: the way that the novel walk went; upwards: the direction in which the crowd is widest.

ends, widest = ways["novelty"][-1] - middle, torch.pca_lowrank(crowd)[2][:, 0]
axes = torch.linalg.qr(torch.stack([ends, widest], dim=1))[0]
axes = axes * (ends @ axes)[0].sign()

figure, plane = plt.subplots(figsize=(5, 4), layout="constrained")
plane.scatter(*((crowd - middle) @ axes).T, s=30, color="0.75", label="the crowd")
for (name, way), color in zip(ways.items(), ("#0072b2", "#d55e00"), strict=True):
    flat = (way - middle) @ axes
    plane.plot(*flat.T, "-", color=color, linewidth=2, marker=".", label=f"{name}: {visited[name]} cells")
    plane.plot(*flat[-1], "*", color=color, markersize=16, markeredgecolor="white")
plane.set(xlabel="along the novel walk (deviations of the prior)", ylabel="across it (the same)", aspect="equal")
plane.legend(loc="lower right")
plt.show()
