"""Image data: load, split, augment, and stream it in batches."""

from supernas.data.augment import Augmentation, default_augmentation
from supernas.data.images import ImageData, ImageSet, SearchData, halves, moments, search_data
from supernas.data.load import load, names
from supernas.data.pickles import safe_load
from supernas.data.stream import Batch, Stream, batches

__all__ = [
    "Augmentation",
    "Batch",
    "ImageData",
    "ImageSet",
    "SearchData",
    "Stream",
    "batches",
    "default_augmentation",
    "halves",
    "load",
    "moments",
    "names",
    "safe_load",
    "search_data",
]
