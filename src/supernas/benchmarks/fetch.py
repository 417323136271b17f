"""Where the published files are. They lie where no checksum is given, so they are fetched by hand."""

from dataclasses import dataclass
from pathlib import Path

from supernas.benchmarks.importers.official import size_space
from supernas.core.errors import UserError, unknown
from supernas.data.download import default_directory, retrieve

__all__ = ["PUBLISHED_FILES", "PublishedFile", "fetch"]


@dataclass(frozen=True)
class PublishedFile:
    """A published file.

    Attributes:
        file: its name, or that of the folder that it unpacks to.
        address: where a person can download it.
        note: what else to know.
    """

    file: str
    address: str
    note: str = ""


_MOST = 8 << 30  # bytes that a published file has, and unpacks to, at most: the folder of NATS-Bench has 1 GB
_NATS = "https://drive.google.com/file/d/"
PUBLISHED_FILES = {
    "nats-bench": PublishedFile(
        "NATS-tss-v1_0-3ffb9-simple", f"{_NATS}17_saCsj_krKjlCBLOJEpNtzPXArMCqxU/view", "unpack the .tar"
    ),
    "nats-bench-single": PublishedFile(
        "NATS-tss-v1_0-3ffb9.pickle.pbz2", f"{_NATS}1vzyK0UVH2D3fTpa1_dSWnp1gvGpAxRul/view", "needs much memory"
    ),
    "nas-bench-201": PublishedFile(
        "NAS-Bench-201-v1_1-096897.pth", f"{_NATS}16Y0UwGisiouVRxW-W5hEtbxmcHw_0hF_/view", "4.7 GB"
    ),
    "nas-bench-101": PublishedFile(
        "nasbench_only108.tfrecord", "https://storage.googleapis.com/nasbench/nasbench_only108.tfrecord", "500 MB"
    ),
}


def fetch(name: str, *, url: str | None = None, checksum: str | None = None, directory: Path | None = None) -> Path:
    """The published file or folder: where it lies already, or downloaded from a mirror that you name.

    Args:
        name: a name in `PUBLISHED_FILES`.
        url: a mirror; the published places are shared drives that want a browser.
        checksum: of the mirror's file, as `sha256:...` or `md5:...`.
        directory: where it is looked for and kept; `benchmarks` in the download cache by default.

    Raises:
        UserError: if it is not there and cannot be downloaded; the message says how to get it by hand.
    """
    if "sss" in name:
        raise UserError(size_space(name))
    if name not in PUBLISHED_FILES:
        raise unknown("benchmark", name, PUBLISHED_FILES)
    published = PUBLISHED_FILES[name]
    folder = directory or default_directory() / "benchmarks"
    place = folder / published.file
    if url is None:
        if place.exists():
            return place
        note = f" ({published.note})" if published.note else ""
        raise UserError(
            f"{name} is fetched by hand: get {published.file} from {published.address}{note}, put it at {place}"
        )
    if checksum is None:
        raise UserError(f"a download from {url} needs its checksum, as sha256:... or md5:...")
    return _download(url, checksum, published.file, folder)


def _download(url: str, checksum: str, file: str, folder: Path) -> Path:
    archive = url.rsplit("?", 1)[0].endswith((".tar", ".tar.gz"))
    retrieve(url, checksum, folder / (f"{file}.tar" if archive else file), _MOST, archive=archive)
    if not (folder / file).exists():
        raise UserError(f"{url} does not unpack to {file}; put that at {folder / file} by hand")
    return folder / file
