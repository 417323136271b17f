"""What a run learns from, once it is loaded: one file for each kind of data."""

from supernas.data.datasets.base import Dataset
from supernas.data.datasets.images import ImageDataset
from supernas.data.datasets.tensors import TensorDataset, TensorStream
from supernas.data.datasets.text import TextDataset

__all__ = ["Dataset", "ImageDataset", "TensorDataset", "TensorStream", "TextDataset"]
