"""Find the files of a published data set, or fetch them once, with their checksums."""

import os
import shutil
from pathlib import Path

from supernas.core.errors import UserError
from supernas.data.archives import Untar
from supernas.data.catalogue import Download, PublishedImages

__all__ = ["default_directory", "locate", "retrieve"]

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
    advice = f"; fetch it elsewhere and put {item.filename} in {folder}"
    archive = item.filename.endswith(".tar.gz")
    retrieve(item.url, f"md5:{item.md5}", folder / item.filename, _MOST, archive=archive, advice=advice)


def retrieve(url: str, checksum: str, path: Path, most: int, *, archive: bool, advice: str = "") -> None:
    """Downloads a file (unless it is there already), checks it, and unpacks an archive beside it.

    Args:
        url: where from.
        checksum: as `sha256:...` or `md5:...`.
        path: where to.
        most: bytes that it may have, packed and unpacked; it may not have more than the disk has free either.
        archive: whether it is one.
        advice: what a message ends with.

    Raises:
        UserError: if it cannot be had, is larger, has another checksum or is refused as an archive.
    """
    import pooch  # imports an HTTP library, and is needed once

    unpack = Untar(most) if archive else None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        bounded = _Bounded(url, min(most, shutil.disk_usage(path.parent).free))
        over_http = url.lower().startswith(("http://", "https://"))
        download = pooch.HTTPDownloader(progressbar=bounded) if over_http else None
        pooch.retrieve(url, checksum, fname=path.name, path=path.parent, processor=unpack, downloader=download)
    except UserError:  # it came, and is refused
        raise
    except Exception as error:  # of the HTTP library, the file system, the checksum or the archive
        why = " ".join(str(error).split())[:160]
        raise UserError(f"could not download {url} ({type(error).__name__}: {why}){advice}") from None


class _Bounded:
    """What pooch takes for a progress bar: it ends a download that is larger than it may be, or never ends."""

    def __init__(self, url: str, most: int) -> None:
        self.total = 0  # bytes that the other side says will come
        self._url, self._most, self._came = url, most, 0

    def update(self, size: int) -> None:
        """Called after each part."""
        self._came += size
        if max(self._came, self.total) > self._most:
            raise UserError(
                f"{self._url} is refused: it is larger than the {self._most / 1e9:,.1f} GB that it may have"
            )

    def reset(self) -> None:
        """Called at the end, before the whole is counted once more."""
        self._came = 0

    def close(self) -> None:
        """Called at the end."""
