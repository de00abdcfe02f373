"""A ZIP file as a source: members are unpacked from where they lie, counted and checked on the way."""

from __future__ import annotations

import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, cast

from datasets.archives.members import BELOW_RATIO_BYTES, NOT_REGULAR, Limits, Names, shown
from datasets.archives.zip_directory import DAMAGED, ZipDirectory, ZipEntry
from datasets.formats.protocol import Finding
from utils import InvalidInput

_HEADER = struct.Struct("<4s5H3L2H")
_HEADER_SIGNATURE = b"PK\3\4"
_STORED, _DEFLATED = 0, 8
_PIECE_BYTES = 64 * 1024
_IN_MEMORY_BYTES = 8 * 1024 * 1024


class ZipSource:
    """Regular files of a ZIP archive; what is not allowed in one is reported and left out.

    Raises:
        InvalidInput: the archive as a whole is not to be read: damaged, too large, or made to harm.
    """

    def __init__(self, file: BinaryIO, limits: Limits, report: Callable[[Finding], None]):
        self._file = file
        directory = ZipDirectory.find(file)
        entries = list(directory.entries(file, limits.most_members))
        self._check_places(entries, directory.start)
        self._members = self._usable(entries, limits, report)
        self._check_sum(limits)

    def names(self) -> Sequence[str]:
        """See `Source.names`."""
        return list(self._members)

    def size(self, name: str) -> int:
        """See `Source.size`."""
        return self._members[name].size

    def read(self, name: str, most_bytes: int) -> bytes:
        """See `Source.read`; damage is `InvalidInput` too."""
        entry = self._members[name]
        if entry.size > most_bytes:
            raise InvalidInput(f"the file has {entry.size:,} bytes, allowed are {most_bytes:,}")
        return b"".join(self._unpacked(entry))

    def open(self, name: str) -> BinaryIO:
        """See `Source.open`; a large one lies in a temporary file meanwhile."""
        stream = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - the caller closes it
        try:
            for piece in self._unpacked(self._members[name]):
                stream.write(piece)
        except BaseException:
            stream.close()
            raise
        stream.seek(0)
        return cast(BinaryIO, stream)

    def _check_places(self, entries: list[ZipEntry], end: int) -> None:
        """No two members may share bytes: a few bytes could stand for any number of files."""
        reached = 0
        for entry in sorted(entries, key=lambda entry: entry.offset):
            if entry.offset < reached:
                raise InvalidInput("members of the archive overlap, which only those do that are made to harm")
            reached = entry.offset + _HEADER.size + entry.packed
        if reached > end:
            raise InvalidInput(f"{DAMAGED}: a member reaches into its directory")

    def _usable(
        self, entries: list[ZipEntry], limits: Limits, report: Callable[[Finding], None]
    ) -> dict[str, ZipEntry]:
        names, usable = Names(report, limits.packed_files), {}
        for entry in entries:
            if entry.is_folder:
                continue
            if problem := _problem(entry, limits):
                report(Finding(shown(entry.name), None, problem))
            elif name := names.take(entry.name):
                usable[name] = entry
        return usable

    def _check_sum(self, limits: Limits) -> None:
        size = sum(entry.size for entry in self._members.values())
        packed = sum(entry.packed for entry in self._members.values())
        check_sum(size, packed, limits)

    def _unpacked(self, entry: ZipEntry) -> Iterator[bytes]:
        """The content in pieces, never more than the directory says."""
        size, crc = 0, 0
        for piece in self._pieces(entry):
            size += len(piece)
            if size > entry.size:
                raise InvalidInput(f"the file is damaged: it holds more than the {entry.size:,} bytes it says")
            crc = zlib.crc32(piece, crc)
            yield piece
        if size != entry.size:
            raise InvalidInput(f"the file is damaged: {size:,} of its {entry.size:,} bytes are there")
        if crc != entry.crc:
            raise InvalidInput("the file is damaged: its checksum (CRC-32) is wrong")

    def _pieces(self, entry: ZipEntry) -> Iterator[bytes]:
        packed = self._packed(entry)
        if entry.method == _STORED:
            yield from packed
            return
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            for raw in packed:
                while raw and not inflate.eof:
                    yield inflate.decompress(raw, _PIECE_BYTES)
                    raw = inflate.unconsumed_tail
            while not inflate.eof and (rest := inflate.decompress(b"", _PIECE_BYTES)):
                yield rest
        except zlib.error as error:
            raise InvalidInput(f"the file is damaged: it cannot be unpacked ({error})") from None

    def _packed(self, entry: ZipEntry) -> Iterator[bytes]:
        self._file.seek(entry.offset)
        header = self._file.read(_HEADER.size)
        if len(header) < _HEADER.size or not header.startswith(_HEADER_SIGNATURE):
            raise InvalidInput("the file is damaged: the archive does not hold it where its directory says")
        name_size, extra_size = _HEADER.unpack(header)[9:11]
        place, left = entry.offset + _HEADER.size + name_size + extra_size, entry.packed
        while left:
            self._file.seek(place)  # others may have read from the same file meanwhile
            raw = self._file.read(min(left, _PIECE_BYTES))
            if not raw:
                raise InvalidInput("the file is damaged: the archive ends before it")
            place, left = place + len(raw), left - len(raw)
            yield raw


def check_sum(size: int, packed: int, limits: Limits) -> None:
    """See that all files together may be unpacked.

    Raises:
        InvalidInput: they may not.
    """
    if size > limits.most_bytes:
        raise InvalidInput(f"the archive holds {size:,} bytes unpacked, allowed are {limits.most_bytes:,}: split it")
    if size > BELOW_RATIO_BYTES and size > limits.most_ratio * max(1, packed):
        raise InvalidInput(
            f"the archive holds {size:,} bytes packed into {packed:,}: "
            f"more than {limits.most_ratio} times as many look made to harm"
        )


def _problem(entry: ZipEntry, limits: Limits) -> str | None:
    if not entry.is_regular:
        return NOT_REGULAR
    if entry.is_encrypted:
        return "the file is encrypted: pack it without a password; left out"
    if entry.method not in (_STORED, _DEFLATED):
        return f"it is packed by method {entry.method}, wanted is stored or deflated: pack it the usual way; left out"
    return limits.problem(entry.size, entry.packed)
