"""Images, texts and arrays: load, split, vary, and stream them in batches.

From a name to a batch: a kind of data (`kinds/`) is the settings that say which data, and asks `load_images` or
`load_text` for them, which find the files and read them once by their format (`formats/`). What comes is a `Dataset`
(`datasets/`), which splits itself for a search and gives streams of batches.
"""

from supernas.data.augment import Augmentation
from supernas.data.batch import Batch, Stream
from supernas.data.datasets import Dataset, ImageDataset, TensorDataset, TensorStream, TextDataset
from supernas.data.image_stream import ImageStream, image_batches
from supernas.data.images import ImageSet, halves, moments
from supernas.data.load_images import image_names, load_images
from supernas.data.load_text import load_text, text_names
from supernas.data.pickles import safe_load
from supernas.data.windows import TextStream, windows

__all__ = [
    "Augmentation",
    "Batch",
    "Dataset",
    "ImageDataset",
    "ImageSet",
    "ImageStream",
    "Stream",
    "TensorDataset",
    "TensorStream",
    "TextDataset",
    "TextStream",
    "halves",
    "image_batches",
    "image_names",
    "load_images",
    "load_text",
    "moments",
    "safe_load",
    "text_names",
    "windows",
]
