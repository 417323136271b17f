"""PyTorch's archives: a zip file in which nothing is compressed, so that it cannot hold more than its own size."""

import os
import zipfile
from typing import IO

__all__ = ["check_stored"]


def check_stored(file: IO[bytes]) -> None:
    """Refuses a zip file whose parts are compressed, or share their bytes; a file that is no zip file passes.

    Raises:
        ValueError: if it is such a file.
        zipfile.BadZipFile: if it is damaged.
    """
    try:
        if not zipfile.is_zipfile(file):
            return
        size = file.seek(0, os.SEEK_END)
        parts = zipfile.ZipFile(file).infolist()
        if any(part.compress_type != zipfile.ZIP_STORED for part in parts):
            raise ValueError("compressed parts")
        if sum(part.file_size for part in parts) > size:
            raise ValueError("parts that hold more than the file")
    finally:
        file.seek(0)
