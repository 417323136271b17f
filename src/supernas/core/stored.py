"""PyTorch's archives: a zip file in which nothing is compressed, so that it cannot hold more than its own size. Each
part has a checksum, at which PyTorch's own reader does not look.
"""

import os
import zipfile
from typing import IO

__all__ = ["check_stored"]


def check_stored(file: IO[bytes]) -> None:
    """Refuses a zip file whose parts are compressed, share their bytes or are not those that were written.

    A file that is no zip file passes.

    Raises:
        ValueError: if it is such a file.
        zipfile.BadZipFile: if it is damaged.
    """
    try:
        if not zipfile.is_zipfile(file):
            return
        size = file.seek(0, os.SEEK_END)
        archive = zipfile.ZipFile(file)
        parts = archive.infolist()
        if any(part.compress_type != zipfile.ZIP_STORED for part in parts):
            raise ValueError("compressed parts")
        if sum(part.file_size for part in parts) > size:
            raise ValueError("parts that hold more than the file")
        if archive.testzip() is not None:
            raise ValueError("a part whose checksum is another")
    finally:
        file.seek(0)
