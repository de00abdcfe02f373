"""The directory at the end of a ZIP file, ZIP64 too, entry by entry.

The format is that of https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT. The directory is read here rather
than by the standard library, which makes an object of each of however many entries there are before it can be asked.
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from utils import InvalidInput

_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_SIGNATURES = {"end": b"PK\5\6", "end_64": b"PK\6\6", "locator_64": b"PK\6\7", "entry": b"PK\1\2"}
_MOST_COMMENT_BYTES = 65_535
_IN_64 = 0xFFFFFFFF
_EXTRA_64 = 1
_UTF8, _ENCRYPTED = 1 << 11, 1 | 1 << 6 | 1 << 13
_UNIX = 3
DAMAGED = "the archive is damaged or cut short"


@dataclass(frozen=True)
class ZipEntry:
    """One entry, as the directory tells it; offsets and sizes in bytes."""

    __slots__ = ("crc", "flags", "method", "mode", "name", "offset", "packed", "size")

    name: str
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    mode: int

    @property
    def is_folder(self) -> bool:
        """Whether it is one."""
        return self.name.endswith(("/", "\\"))

    @property
    def is_encrypted(self) -> bool:
        """Whether its content, or its header, is."""
        return bool(self.flags & _ENCRYPTED)

    @property
    def is_regular(self) -> bool:
        """Whether it is a plain file, as far as it says what it is."""
        return stat.S_IFMT(self.mode) in (0, stat.S_IFREG)


@dataclass(frozen=True)
class ZipDirectory:
    """Where the directory lies.

    Attributes:
        shift: bytes that stand before the archive, which offsets do not count.
    """

    start: int
    size: int
    shift: int

    @classmethod
    def find(cls, file: BinaryIO) -> ZipDirectory:
        """Look for the directory.

        Raises:
            InvalidInput: there is none that fits the file.
        """
        end, place = _end(file)
        _, disk, _, _, _, size, offset, _ = end
        place_64 = place - _LOCATOR_64.size
        if place_64 >= 0 and (locator := _read(file, place_64, _LOCATOR_64))[0] == _SIGNATURES["locator_64"]:
            place = place_64 - _END_64.size
            record = _read(file, locator[2], _END_64)
            if record[0] != _SIGNATURES["end_64"]:
                record = _read(file, place, _END_64)
            if record[0] != _SIGNATURES["end_64"]:
                raise InvalidInput(f"{DAMAGED}: the end of its ZIP64 directory is missing")
            disk, size, offset = record[4], record[8], record[9]
        if disk not in (0, 0xFFFF):
            raise InvalidInput("the archive is one of several parts: upload it as one file")
        start = place - size
        if start < 0 or offset > start:
            raise InvalidInput(f"{DAMAGED}: its directory does not fit into the file")
        return cls(start, size, start - offset)

    def entries(self, file: BinaryIO, most: int) -> Iterator[ZipEntry]:
        """Every entry.

        Raises:
            InvalidInput: one is damaged, or there are more than allowed.
        """
        place, end, count = self.start, self.start + self.size, 0
        while place < end:
            fields = _read(file, place, _ENTRY)
            if fields[0] != _SIGNATURES["entry"]:
                raise InvalidInput(f"{DAMAGED}: entry {count + 1:,} of its directory is none")
            count += 1
            if count > most:
                raise InvalidInput(f"the archive holds more than the {most:,} entries allowed: split it")
            name_size, extra_size, comment_size = fields[10:13]
            rest = file.read(name_size + extra_size)
            if len(rest) < name_size + extra_size:
                raise InvalidInput(f"{DAMAGED}: its directory ends in the middle of an entry")
            yield self._entry(fields, rest[:name_size], rest[name_size:])
            place += _ENTRY.size + name_size + extra_size + comment_size

    def _entry(self, fields: tuple[int, ...], name: bytes, extra: bytes) -> ZipEntry:
        made_by, _, flags, method, _, _, crc, packed, size = fields[1:10]
        external, offset = fields[15:17]
        size, packed, offset = _wide(extra, size, packed, offset)
        mode = external >> 16 if made_by >> 8 == _UNIX else 0
        return ZipEntry(_decoded(name, flags), flags, method, crc, packed, size, offset + self.shift, mode)


def _end(file: BinaryIO) -> tuple[tuple[int, ...], int]:
    """The end record, which stands before a comment of unknown length, and where it lies."""
    length = file.seek(0, 2)
    start = max(0, length - _END.size - _MOST_COMMENT_BYTES)
    file.seek(start)
    tail = file.read(length - start)
    found = tail.rfind(_SIGNATURES["end"])
    while found >= 0:
        if found + _END.size <= len(tail):
            return _END.unpack_from(tail, found), start + found
        found = tail.rfind(_SIGNATURES["end"], 0, found)
    raise InvalidInput(f"{DAMAGED}: the directory that a ZIP file has at its end is missing")


def _read(file: BinaryIO, place: int, record: struct.Struct) -> tuple[int, ...]:
    file.seek(place)
    content = file.read(record.size)
    if len(content) < record.size:
        raise InvalidInput(f"{DAMAGED}: it ends too soon")
    return record.unpack(content)


def _wide(extra: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int]:
    """Sizes and offset, of which those that do not fit into 32 bits stand in the extra field, in this order."""
    place = 0
    while place + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, place)
        if kind == _EXTRA_64:
            numbers = iter(struct.unpack_from(f"<{len(extra[place + 4 : place + 4 + length]) // 8}Q", extra, place + 4))
            try:
                size = next(numbers) if size == _IN_64 else size
                packed = next(numbers) if packed == _IN_64 else packed
                offset = next(numbers) if offset == _IN_64 else offset
            except StopIteration:
                raise InvalidInput(f"{DAMAGED}: a ZIP64 entry lacks its sizes") from None
            break
        place += 4 + length
    return size, packed, offset


def _decoded(name: bytes, flags: int) -> str:
    """Many tools write UTF-8 without saying so; what is none is in the old code page of DOS."""
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("utf-8", "replace") if flags & _UTF8 else name.decode("cp437")
