"""What a data file is, by its first bytes: packed, in which encoding, and nothing that is no table."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from typing import BinaryIO, cast

from datasets.tables.bounds import Bounds
from utils import InvalidInput

PARQUET = b"PAR1"
_GZIP = b"\x1f\x8b"
_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_UTF32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_OTHERS = {
    b"PK\x03\x04": "a zip archive or an Excel workbook: send the CSV file in it, or save the sheet as 'CSV UTF-8'",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook: save the sheet as 'CSV UTF-8'",
    b"%PDF": "a PDF: a table must be CSV, TSV or Parquet",
    b"SQLite format 3": "an SQLite database: export the table as CSV",
    b"ARROW1": "an Arrow file: save it as Parquet",
    b"BZh": "packed with bzip2: unpack it, or pack it with gzip",
    b"\xfd7zXZ": "packed with xz: unpack it, or pack it with gzip",
    b"\x28\xb5\x2f\xfd": "packed with zstd: unpack it, or pack it with gzip",
}
_CHARACTERS = 1024 * 1024


def text_file(file: BinaryIO, bounds: Bounds) -> io.BufferedReader:
    """The bytes of a text file in UTF-8, without its byte order mark, unpacked if it is packed with gzip.

    Reading raises InvalidInput past the bound, and where the packing is damaged.

    Args:
        file: at its beginning; can seek.

    Raises:
        InvalidInput: it is a file of another kind.
    """
    head = peek(file)
    plain = (
        cast(BinaryIO, _Unpacked(file, bounds)) if head.startswith(_GZIP) else cast(BinaryIO, _Bounded(file, bounds))
    )
    buffered: io.BufferedReader = io.BufferedReader(cast(io.RawIOBase, plain), _CHARACTERS)
    head = buffered.peek(16)[:16]
    if head.startswith(PARQUET):
        raise InvalidInput("the file is Parquet packed with gzip: send the Parquet file itself")
    _refuse_others(head)
    if head.startswith(codecs.BOM_UTF8):
        buffered.read(len(codecs.BOM_UTF8))
    elif encoding := next((name for mark, name in _UTF16.items() if head.startswith(mark)), None):
        buffered.read(2)
        return io.BufferedReader(_Recoded(buffered, encoding), _CHARACTERS)
    return buffered


def peek(file: BinaryIO) -> bytes:
    """The first bytes of a file, which is then at its beginning."""
    file.seek(0)
    head = file.read(16)
    file.seek(0)
    return head


def _refuse_others(head: bytes) -> None:
    for mark, what in _OTHERS.items():
        if head.startswith(mark):
            raise InvalidInput(f"the file is {what}")
    if head.startswith(_UTF32):
        raise InvalidInput("the file is in UTF-32: save it in UTF-8")


class _Bounded(io.RawIOBase):
    """A file of which no more than the bound is read."""

    def __init__(self, file: BinaryIO, bounds: Bounds):
        self._file = file
        self._bound = bounds.file
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # of what BufferedReader gives
        content = self._some(len(buffer))
        self._read += len(content)
        if self._read > self._bound:
            raise InvalidInput(
                f"the data have more than {self._bound:,} bytes when they are unpacked, which is the most allowed: "
                "leave rows or columns out"
            )
        buffer[: len(content)] = content
        return len(content)

    def _some(self, size: int) -> bytes:
        return self._file.read(size)


class _Unpacked(_Bounded):
    """A file packed with gzip, unpacked while it is read."""

    def __init__(self, file: BinaryIO, bounds: Bounds):
        super().__init__(cast(BinaryIO, gzip.GzipFile(fileobj=file, mode="rb")), bounds)

    def _some(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except (EOFError, OSError, zlib.error) as error:
            raise InvalidInput(f"the file is packed with gzip, and damaged or cut short: {error}") from None


class _Recoded(io.RawIOBase):
    """UTF-16 as UTF-8."""

    def __init__(self, file: BinaryIO, encoding: str):
        self._text = io.TextIOWrapper(file, encoding=encoding, newline="")
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # of what BufferedReader gives
        if not self._rest:
            try:
                self._rest = self._text.read(_CHARACTERS).encode()
            except UnicodeError:
                raise InvalidInput("the file begins as UTF-16, and is not: save it in UTF-8") from None
        content, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(content)] = content
        return len(content)
