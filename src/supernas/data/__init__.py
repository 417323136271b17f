"""Image data: load, split, augment, and stream it in batches."""

from supernas.data.augment import Augmentation, usual_augmentation
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
    "halves",
    "load",
    "moments",
    "names",
    "safe_load",
    "search_data",
    "usual_augmentation",
]
