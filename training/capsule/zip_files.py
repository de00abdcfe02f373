"""The files of a ZIP archive that somebody sent, within bounds."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Sequence
from typing import IO, BinaryIO

from utils import InvalidInput

_END = struct.Struct("<4s4H2LH")
_END_SIGNATURE = b"PK\5\6"
_MOST_COMMENT_BYTES = 65_535
# The directory is in memory as a whole before any of it can be looked at.
_MOST_DIRECTORY_BYTES = 16 * 1024 * 1024


class ZipFiles:
    """Regular files of an archive; anything else in it is a reason to refuse all of it.

    Args:
        most_bytes: of all files together, unpacked.

    Raises:
        InvalidInput: it is none that is read here, damaged, too large, or made to harm.
    """

    def __init__(self, file: IO[bytes], most_bytes: int):
        _check_directory(file)
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError) as error:
            raise InvalidInput(f"this is no ZIP file, or it is damaged: {error}") from None
        entries = self._zip.infolist()
        self._entries = {entry.filename: entry for entry in entries}
        if len(self._entries) != len(entries):
            raise InvalidInput("an entry of the archive is in it twice")
        for entry in entries:
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if entry.is_dir() or entry.flag_bits & 1 or kind not in (0, stat.S_IFREG):
                raise InvalidInput(f"'{entry.filename[:100]}' in the archive is no plain file")
        if sum(entry.file_size for entry in entries) > most_bytes:
            raise InvalidInput(f"the files in the archive have more than the {most_bytes:,} bytes allowed, unpacked")

    def names(self) -> Sequence[str]:
        """All of them."""
        return list(self._entries)

    def size(self, name: str) -> int:
        """Bytes, unpacked, as the archive says."""
        return self._entries[name].file_size

    def read(self, name: str, most_bytes: int) -> bytes:
        """The content.

        Raises:
            InvalidInput: it is longer, or damaged.
        """
        try:
            with self._zip.open(self._entries[name]) as entry:
                content = entry.read(most_bytes + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
            raise InvalidInput(f"'{name[:100]}' in the archive is damaged: {error}") from None
        if len(content) > most_bytes:
            raise InvalidInput(f"'{name[:100]}' in the archive has more than the {most_bytes:,} bytes that it may have")
        return content

    def open(self, name: str) -> BinaryIO:
        """The content as a stream; raises as `read`."""
        return io.BytesIO(self.read(name, self.size(name)))


def _check_directory(file: IO[bytes]) -> None:
    """See that the directory at the end may be read."""
    length = file.seek(0, io.SEEK_END)
    file.seek(max(0, length - _END.size - _MOST_COMMENT_BYTES))
    tail = file.read()
    at = tail.rfind(_END_SIGNATURE)
    if at < 0 or len(tail) < at + _END.size:
        raise InvalidInput("this is no ZIP file, or its end is missing: send it whole")
    size = _END.unpack_from(tail, at)[5]
    if size > _MOST_DIRECTORY_BYTES:
        raise InvalidInput(f"the directory of the archive has more than the {_MOST_DIRECTORY_BYTES:,} bytes allowed")
    file.seek(0)
