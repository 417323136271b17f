"""# From a folder of pictures to ONNX

A folder for each class, pictures of any size and colour: that is all a search needs. What comes out is a program that
runs without supernas, and without PyTorch.
"""

import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageDraw

import supernas

# %%
# ## The pictures
# Made on the spot, and messy as such folders are: sizes, places and colours vary, and there is noise.

folder = Path(tempfile.mkdtemp())
generator = np.random.default_rng(0)


def picture(shape):
    """A dark shape somewhere in a bright picture of some size."""
    width, height = (int(side) for side in generator.integers(40, 90, 2))
    noise = generator.normal(190, 25, (height, width, 3)).clip(0, 255).astype(np.uint8)
    drawn = Image.fromarray(noise)
    radius = min(width, height) * generator.uniform(0.25, 0.4)
    x, y = width / 2 + generator.uniform(-5, 5), height / 2 + generator.uniform(-5, 5)
    draw, color = ImageDraw.Draw(drawn), tuple(int(part) for part in generator.integers(0, 120, 3))
    box = (x - radius, y - radius, x + radius, y + radius)
    if shape == "circle":
        draw.ellipse(box, fill=color)
    elif shape == "ring":
        draw.ellipse(box, outline=color, width=6)
    else:
        draw.line(box, fill=color, width=8)
        draw.line((x - radius, y + radius, x + radius, y - radius), fill=color, width=8)
    return drawn


shapes = ("circle", "cross", "ring")
for shape in shapes:
    (folder / "pictures" / shape).mkdir(parents=True)
    for number in range(100):
        picture(shape).save(folder / "pictures" / shape / f"{number}.png")

# %%
# ## Search, train, export
# Three calls. (The same as commands: `supernas search --data pictures --resolution 16`, `supernas train`, `supernas
# export`.)

data = {"data": folder / "pictures", "resolution": 16}
found = supernas.search(**data, method="random-nas", epochs=10, out=folder / "found")
trained = supernas.train(found.text, **data, epochs=20, out=folder / "trained", set=["train.batch_size=32"])
print(trained.text)
print(f"test accuracy {trained.test_accuracy:.1f} %")

with_onnx = all(map(find_spec, ("onnx", "onnxscript", "onnxruntime")))
exported = supernas.export(folder / "trained", format="onnx" if with_onnx else "pt2", out=folder / "exported")
print([file.name for file in exported.files])
print("largest difference from the trained network:", exported.record["difference"])

# %%
# ## What was written, at work
# `predict.py` lies beside the network and runs where supernas is not. If the list above says `network.pt2`, the
# packages of `pip install "supernas[onnx]"` were not there when this page was made, and `torch.export` took ONNX's
# place.

fresh = [picture(shape) for shape in shapes * 3]
files = [folder / f"{number}.png" for number in range(len(fresh))]
for drawn, file in zip(fresh, files, strict=True):
    drawn.save(file)
command = [sys.executable, exported.folder / "predict.py", "--top", "1", *files]
said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[1::2]

# %%
# ## The picture
# Nine new pictures, and what the exported program says of them.

figure, grid = plt.subplots(3, 3, figsize=(5, 5.2), layout="constrained")
for axes, drawn, answer in zip(grid.flat, fresh, said, strict=True):
    axes.imshow(drawn)
    axes.set(title=" ".join(answer.split()), xticks=[], yticks=[])
plt.show()
