"""Find the files of a published data set, or fetch them once, with their checksums."""

import os
from pathlib import Path

from supernas.core.errors import UserError
from supernas.data.archives import Untar
from supernas.data.catalogue import Download, PublishedImages

__all__ = ["default_directory", "locate"]

_MOST = 1 << 30  # bytes that a published archive of images unpacks to, at most


def default_directory() -> Path:
    """Where downloaded data is kept: `$SUPERNAS_CACHE` if set, else `~/.cache/supernas`."""
    return Path(os.environ.get("SUPERNAS_CACHE") or Path.home() / ".cache" / "supernas")


def locate(name: str, published: PublishedImages, directory: Path, *, download: bool) -> Path:
    """The folder with the files of a data set: `directory`, `directory`/`name`, or what the archives unpack to there.

    Raises:
        UserError: if they are in none of these and cannot, or shall not, be downloaded.
    """
    own = directory / name
    candidates = [base / sub for base in (directory, own) for sub in ("", *published.folders)]
    for candidate in candidates:
        if published.format.found(candidate):
            return candidate
    if not published.downloads:
        raise UserError(f"{name} is not in {directory} and cannot be downloaded: {published.advice} in {own}")
    if not download:
        files = ", ".join(item.url for item in published.downloads)
        raise UserError(f"{name} is not in {directory}; allow the download, or put {files} in {own}")
    for item in published.downloads:
        _fetch(item, own)
    return locate(name, published, directory, download=False)


def _fetch(item: Download, folder: Path) -> None:
    """Download (unless it is there already), check, and unpack an archive."""
    import pooch  # imports an HTTP library, and is needed once

    unpack = Untar(_MOST) if item.filename.endswith(".tar.gz") else None
    try:
        pooch.retrieve(item.url, f"md5:{item.md5}", fname=item.filename, path=folder, processor=unpack)
    except UserError:  # it came, and is refused
        raise
    except Exception as error:  # of the HTTP library, the file system, the checksum or the archive
        raise UserError(
            f"could not download {item.url} ({type(error).__name__}); fetch it elsewhere and put {item.filename} in "
            f"{folder}"
        ) from None
