"""# Quadruple similarities

How does one network teach another what it has seen, when their features mean different things and are of different
number? TETLO hands over comparisons only: *these two images are more alike than those two*. Here a student that has
never seen a label learns from nothing else.
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from torch import nn

from supernas.methods.tetlo.quadruples import QRSSettings, pair_similarities, qrs_loss, sampled

# %%
# ## A teacher and a student
# The teacher is a linear discriminant analysis of scikit-learn's digits, 9 features that were made with labels. The
# student is a small convolutional network with 16 features.

digits = load_digits()
images = torch.tensor(digits.images[:, None] / 16.0, dtype=torch.float32)
analysis = LinearDiscriminantAnalysis().fit(digits.data[:1000], digits.target[:1000])
teacher = torch.tensor(analysis.transform(digits.data), dtype=torch.float32)

torch.manual_seed(0)
student = nn.Sequential(
    *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU()),
    *(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(128, 16)),
)

# %%
# ## Teaching
# A quadruple is two pairs of images of a batch. The loss asks that the student's difference of the two similarities
# be the teacher's. Eight passes over the first thousand images; the rest is looked at afterwards.

options = QRSSettings(count=512)
optimiser = torch.optim.Adam(student.parameters(), lr=3e-3)
for _ in range(8):
    for batch in torch.randperm(1000).split(64):
        loss = qrs_loss(student(images[batch]), teacher[batch], options)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

# %%
# ## What the student has learnt
# Of two hundred images that neither has seen: is the more alike of two pairs the same for both?

with torch.no_grad():
    taught = student(images[1000:1200])
theirs, mine = pair_similarities(teacher[1000:1200]), pair_similarities(taught)
first, second = sampled(len(theirs), 3000)
differences = torch.stack([theirs[first] - theirs[second], mine[first] - mine[second]])
agreed = 100 * (differences[0].sign() == differences[1].sign()).float().mean()

# %%
# ## The picture
# Above, one of the quadruples; below, all of them. In the shaded corners student and teacher agree.

figure, parts = plt.subplot_mosaic("abcd;ssss", figsize=(5, 5.4), height_ratios=[1, 3.2], layout="constrained")
pairs = torch.triu_indices(200, 200, offset=1)
shown = int((differences.prod(0)).argmax())  # the clearest
for places, pair, color in (("ab", first[shown], "#0072b2"), ("cd", second[shown], "#d55e00")):
    for place, number in zip(places, pairs[:, pair], strict=True):
        parts[place].imshow(images[1000 + number, 0], cmap="gray_r")
        parts[place].set(xticks=[], yticks=[])
        parts[place].spines[:].set(color=color, linewidth=3)
    parts[places[0]].set_title(f"alike: {mine[pair]:.2f} (teacher {theirs[pair]:.2f})", loc="left", fontsize="small")
scatter, most = parts["s"], 1.6
scatter.fill([0, most, most, 0], [0, 0, most, most], [0, -most, -most, 0], [0, 0, -most, -most], color="0.93", zorder=0)
scatter.scatter(*differences, s=6, alpha=0.4, color="#0072b2", linewidths=0)
scatter.scatter(*differences[:, shown], s=90, color="#d55e00", edgecolor="black", zorder=3)
scatter.set(xlim=(-most, most), ylim=(-1, 1), xlabel="teacher: similarity of one pair less that of the other")
scatter.set(ylabel="student: the same", title=f"Of the comparisons {agreed:.0f} % come out alike")
plt.show()
