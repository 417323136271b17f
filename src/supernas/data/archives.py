"""Archives from elsewhere: unpacked into their folder and nowhere else, as plain files of a size that was agreed."""

import shutil
import tarfile
from pathlib import Path, PurePosixPath, PureWindowsPath

from supernas.core.errors import UserError

__all__ = ["Untar", "unpack_tar"]


class Untar:
    """Unpacks a downloaded archive beside it; what `pooch.retrieve` calls when it has one.

    Args:
        most: bytes that the files in it may have together.
    """

    def __init__(self, most: int) -> None:
        self.most = most

    def __call__(self, name: str, action: str, pooch: object) -> str:
        """Unpacks the file `name`; the other two say how it came."""
        unpack_tar(Path(name), Path(name).parent, self.most)
        return name


def unpack_tar(archive: Path, folder: Path, most: int) -> None:
    """Unpacks the files and folders of a tar archive, compressed or not; nothing is written if one is refused.

    Only content is taken over: no owner, no permission, no time.

    Args:
        archive: the file.
        folder: where to.
        most: bytes that the files in it may have together.

    Raises:
        UserError: if the archive is damaged, too large for `most` or for the disk, or has a link, a device or a place
            outside of the folder.
        OSError: if a file cannot be written.
    """
    try:
        with tarfile.open(archive) as opened:
            members = _checked(opened, archive, min(most, shutil.disk_usage(folder).free))
            for member in members:
                _extract(opened, member, folder / member.name)
    except (tarfile.TarError, EOFError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{archive} is a damaged archive ({error}); fetch it again") from None


def _checked(opened: tarfile.TarFile, archive: Path, most: int) -> list[tarfile.TarInfo]:
    """All members; their number and sizes are counted while they are listed, since a list can be endless too."""
    members: list[tarfile.TarInfo] = []
    size = 0
    for member in opened:
        path = PurePosixPath(member.name)
        outside = path.is_absolute() or ".." in path.parts or PureWindowsPath(member.name).drive or "\\" in member.name
        if outside or not (member.isreg() or member.isdir()):
            what = "a place outside of its folder" if outside else "no plain file"
            raise UserError(f"{archive} is refused: {ascii(member.name)[:80]} is {what}")
        members.append(member)
        size += max(member.size, tarfile.BLOCKSIZE)
        if size > most:
            raise UserError(f"{archive} is refused: it holds more than the {most / 1e9:,.1f} GB that it may unpack to")
    return members


def _extract(opened: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # a link that lay there would lead elsewhere
    source = opened.extractfile(member)
    assert source is not None  # it is a plain file
    with path.open("xb") as file:
        shutil.copyfileobj(source, file)
