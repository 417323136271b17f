"""The published data sets: where they come from, how they are read, and their published constants."""

from dataclasses import dataclass

from supernas.data.formats.base import FileFormat
from supernas.data.formats.cifar import CIFAR10, CIFAR100
from supernas.data.formats.idx import IDX
from supernas.data.formats.imagenet16 import IMAGENET16_120

__all__ = ["PUBLISHED_IMAGES", "Download", "PublishedImages"]


@dataclass(frozen=True)
class Download:
    """A file at its source, with its published MD5 checksum."""

    url: str
    md5: str

    @property
    def filename(self) -> str:
        """The last part of the address."""
        return self.url.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class PublishedImages:
    """A published data set.

    Attributes:
        description: one line.
        format: reads its files.
        folders: where the files may lie below the data directory, besides in it: what the archives unpack to.
        downloads: what to fetch; empty where that needs an account.
        train: published number of training images.
        test: published number of test images.
        mean: published mean of each channel with pixels between 0 and 1; None: from the training images.
        std: published standard deviation of each channel, likewise.
        mirror: whether a mirrored image keeps its class.
        advice: where to get what cannot be downloaded.
    """

    description: str
    format: FileFormat
    folders: tuple[str, ...]
    downloads: tuple[Download, ...]
    train: int
    test: int
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    mirror: bool = True
    advice: str = ""


def _levels(*values: float) -> tuple[float, ...]:
    """Constants published for pixels between 0 and 255."""
    return tuple(value / 255 for value in values)


def _idx(address: str, checksums: tuple[str, str, str, str]) -> tuple[Download, ...]:
    files = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    return tuple(Download(f"{address}/{file}-ubyte.gz", md5) for file, md5 in zip(files, checksums, strict=True))


_TORONTO = "https://www.cs.toronto.edu/~kriz"

# The constants of CIFAR and ImageNet16-120 are those of NAS-Bench-201 (Dong & Yang, ICLR 2020).
PUBLISHED_IMAGES: dict[str, PublishedImages] = {
    "cifar10": PublishedImages(
        description="CIFAR-10: 50,000 + 10,000 colour photographs, 32x32, 10 classes (162 MB download)",
        format=CIFAR10,
        folders=("cifar-10-batches-bin", "cifar-10-batches-py"),
        downloads=(Download(f"{_TORONTO}/cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"),),
        train=50_000,
        test=10_000,
        mean=_levels(125.3, 123.0, 113.9),
        std=_levels(63.0, 62.1, 66.7),
    ),
    "cifar100": PublishedImages(
        description="CIFAR-100: 50,000 + 10,000 colour photographs, 32x32, 100 classes (161 MB download)",
        format=CIFAR100,
        folders=("cifar-100-binary", "cifar-100-python"),
        downloads=(Download(f"{_TORONTO}/cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8"),),
        train=50_000,
        test=10_000,
        mean=_levels(129.3, 124.1, 112.4),
        std=_levels(68.2, 65.4, 70.4),
    ),
    "imagenet16-120": PublishedImages(
        description="ImageNet16-120: 151,700 + 6,000 colour photographs, 16x16, 120 classes (files of your own)",
        format=IMAGENET16_120,
        folders=("ImageNet16",),
        downloads=(),
        train=151_700,
        test=6_000,
        mean=_levels(122.68, 116.66, 104.01),
        std=_levels(63.22, 61.26, 65.09),
        advice="get the 16x16 ImageNet of image-net.org (an account is needed) and put train_data_batch_1 to "
        "train_data_batch_10 and val_data",
    ),
    "mnist": PublishedImages(
        description="MNIST: 60,000 + 10,000 grey handwritten digits, 28x28, 10 classes (12 MB download)",
        format=IDX,
        folders=("MNIST/raw",),
        downloads=_idx(
            "https://ossci-datasets.s3.amazonaws.com/mnist",
            (
                "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                "d53e105ee54ea40749a09fcbcd1e9432",
                "9fb629c4189551a2d022fa330f9573f3",
                "ec29112dd5afa0611ce80d1b7f02629c",
            ),
        ),
        train=60_000,
        test=10_000,
        mirror=False,
    ),
    "fashion-mnist": PublishedImages(
        description="Fashion-MNIST: 60,000 + 10,000 grey pictures of clothes, 28x28, 10 classes (31 MB download)",
        format=IDX,
        folders=("FashionMNIST/raw",),
        downloads=_idx(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
            (
                "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                "25c81989df183df01b3e8a0aad5dffbe",
                "bef4ecab320f06d8554ea6380940ec79",
                "bb300cfdad3c16e7a12a480ee83cd310",
            ),
        ),
        train=60_000,
        test=10_000,
    ),
}
