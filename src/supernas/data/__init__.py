"""Images and texts: load, split, vary, and stream them in batches."""

from supernas.data.augment import Augmentation, usual_augmentation
from supernas.data.images import ImageData, ImageSet, SearchData, halves, moments, search_data
from supernas.data.load import load, names
from supernas.data.load_text import load_text, text_names
from supernas.data.pickles import safe_load
from supernas.data.stream import Batch, Stream, batches
from supernas.data.texts import TextData
from supernas.data.windows import TextStream, windows

__all__ = [
    "Augmentation",
    "Batch",
    "ImageData",
    "ImageSet",
    "SearchData",
    "Stream",
    "TextData",
    "TextStream",
    "batches",
    "halves",
    "load",
    "load_text",
    "moments",
    "names",
    "safe_load",
    "search_data",
    "text_names",
    "usual_augmentation",
    "windows",
]
