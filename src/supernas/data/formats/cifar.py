"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009), in the binary and the Python layout.

A binary record is the label (for CIFAR-100 a coarse label, then the fine one that is used) and 3,072 bytes of pixels:
red, green, blue, each row by row. A Python batch is a pickled dictionary with the same pixels and a list of labels.
Folders with fewer or smaller batches are read as they are; a folder with exactly the published numbers of images must
have the published checksums.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from supernas.core.errors import UserError
from supernas.data.formats.base import check_labels, contents, image_set, joined, verify
from supernas.data.formats.pickled import read_batch
from supernas.data.images import ImageParts, ImageSet

__all__ = ["CIFAR10", "CIFAR100", "Cifar", "Layout"]

_SIDE = 32
_PIXELS = 3 * _SIDE * _SIDE


@dataclass(frozen=True)
class Layout:
    """The files of one layout with their published MD5 checksums; `label_key` is None where records are binary."""

    train: dict[str, str]
    test: tuple[str, str]
    label_bytes: int = 1
    label_key: str | None = None


@dataclass(frozen=True)
class Cifar:
    """A reader of one of the two data sets."""

    classes: tuple[str, ...]
    layouts: tuple[Layout, ...]
    train_batch: int
    test_batch: int = 10_000

    def found(self, folder: Path) -> bool:
        """Whether the folder holds a training file of either layout."""
        return self._layout(folder) is not None

    def read(self, folder: Path) -> ImageParts:
        """All training batches that are there, and the test batch.

        Raises:
            UserError: if a file is missing, cut short, altered or has labels that do not exist.
        """
        layout = self._layout(folder)
        if layout is None:
            raise UserError(f"{folder} has no training batch ({self.layouts[0].train}); name the folder that has")
        names = [name for name in layout.train if (folder / name).is_file()]
        train = [self._read_file(folder / name, layout) for name in names]
        test = self._read_file(folder / layout.test[0], layout)
        complete = len(names) == len(layout.train) and all(len(part) == self.train_batch for part in train)
        if complete and len(test) == self.test_batch:
            verify(folder, {**layout.train, layout.test[0]: layout.test[1]})
        return ImageParts(joined(train), test, self.classes)

    def _layout(self, folder: Path) -> Layout | None:
        for layout in self.layouts:
            if any((folder / name).is_file() for name in layout.train):
                return layout
        return None

    def _read_file(self, path: Path, layout: Layout) -> ImageSet:
        if layout.label_key is None:
            images, labels = _binary(path, layout.label_bytes)
        else:
            images, labels = read_batch(path, _SIDE, layout.label_key)
        check_labels(labels, len(self.classes), path)
        return image_set(images, labels)


def _binary(path: Path, label_bytes: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixels uint8 [n, 3, 32, 32] and labels uint8 [n] of a file of records."""
    data = contents(path)
    record = label_bytes + _PIXELS
    if not data or len(data) % record:
        raise UserError(
            f"{path} has {len(data)} bytes; wanted a multiple of {record}, the size of a record: the file is "
            "damaged or cut short, fetch it again"
        )
    records = np.frombuffer(data, np.uint8).reshape(-1, record)
    return records[:, label_bytes:].reshape(-1, 3, _SIDE, _SIDE), records[:, label_bytes - 1]


CIFAR10 = Cifar(
    classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    train_batch=10_000,
    layouts=(
        Layout(
            train={
                "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
                "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
                "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
                "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
                "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
            },
            test=("test_batch.bin", "803d5f7f4d78ea53de84dbe85f74fb6d"),
        ),
        Layout(
            train={
                "data_batch_1": "c99cafc152244af753f735de768cd75f",
                "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
                "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
                "data_batch_4": "634d18415352ddfa80567beed471001a",
                "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
            },
            test=("test_batch", "40351d587109b95175f43aff81a1287e"),
            label_key="labels",
        ),
    ),
)

_FINE_CLASSES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish
forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle
mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale
willow_tree wolf woman worm
"""

CIFAR100 = Cifar(
    classes=tuple(_FINE_CLASSES.split()),
    train_batch=50_000,
    layouts=(
        Layout(
            train={"train.bin": "6172c7755cfe09b2fe270c85cebc1b15"},
            test=("test.bin", "4499cfba6c016c1be1438163640a0898"),
            label_bytes=2,
        ),
        Layout(
            train={"train": "16019d7e3df5f24257cddd939b257f8d"},
            test=("test", "f0ef6b0ae62326f3e7ffdfab6717acfc"),
            label_key="fine_labels",
        ),
    ),
)
