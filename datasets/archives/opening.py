"""From stored bytes to a source, whatever kind of archive they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from datasets.archives.members import Limits
from datasets.archives.tar_source import TarSource, unpacked_to_file
from datasets.archives.zip_source import ZipSource
from datasets.formats.protocol import Finding, Source
from utils import InvalidInput

_TAR_MAGIC_AT, _TAR_MAGIC = 257, b"ustar"
_HEAD_BYTES = 512
_OTHERS = {
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!": "RAR",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}


@contextmanager
def open_archive(
    file: BinaryIO, folder: Path, limits: Limits, report: Callable[[Finding], None], look: Callable[[], None]
) -> Iterator[Source]:
    """What lies in an archive.

    Args:
        folder: for a temporary file, when one is needed.
        look: is called now and then, and may raise.

    Raises:
        InvalidInput: it is none that is read here, damaged, too large, or made to harm.
    """
    length = file.seek(0, 2)
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    if head[_TAR_MAGIC_AT:].startswith(_TAR_MAGIC):
        yield TarSource(file, limits, report)
    elif head.startswith(b"\x1f\x8b"):
        file.seek(0)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with unpacked_to_file(file, folder, limits, length, look) as unpacked:
            yield TarSource(unpacked, limits, report)
    elif kind := next((kind for magic, kind in _OTHERS.items() if head.startswith(magic)), None):
        raise InvalidInput(f"the archive is packed by {kind}, wanted is ZIP, tar or tar.gz: pack it anew")
    else:
        yield ZipSource(file, limits, report)
