"""A tar file as a source: its headers are gone through once, then files are read from where they lie.

Of one packed by gzip there is no way to read a file without all that stands before it, so it is unpacked into
a temporary file that nobody else sees, bounded as everything here.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, BinaryIO, NamedTuple, cast

from datasets.archives.members import NOT_REGULAR, Limits, Names, shown
from datasets.archives.zip_directory import DAMAGED
from datasets.archives.zip_source import check_sum
from datasets.formats.protocol import Finding
from utils import InvalidInput

_PIECE_BYTES = 1024 * 1024
_MOST_HEADER_BYTES = 1024 * 1024
_IN_MEMORY_BYTES = 8 * 1024 * 1024
_CARRIES_A_FILE = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)


class _Place(NamedTuple):
    offset: int
    size: int


class TarSource:
    """Regular files of a tar archive; see `ZipSource`."""

    def __init__(self, file: BinaryIO, limits: Limits, report: Callable[[Finding], None]):
        self._file = file
        self._members: dict[str, _Place] = {}
        length = file.seek(0, io.SEEK_END)
        file.seek(0)
        try:
            self._go_through(limits, report, length)
        except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
            raise InvalidInput(f"{DAMAGED}: {error}") from None
        check_sum(sum(place.size for place in self._members.values()), length, limits)

    def _go_through(self, limits: Limits, report: Callable[[Finding], None], length: int) -> None:
        names, count = Names(report), 0
        with tarfile.open(fileobj=cast(IO[bytes], _Bounded(self._file)), mode="r:") as archive:
            while member := archive.next():
                archive.members = []  # type: ignore[attr-defined]  # or it would keep them all
                count += 1
                if count > limits.most_members:
                    raise InvalidInput(
                        f"the archive holds more than the {limits.most_members:,} entries allowed: split it"
                    )
                if member.isdir():
                    continue
                if member.offset_data + member.size > length:
                    raise InvalidInput(f"{DAMAGED}: '{shown(member.name)[:200]}' reaches behind its end")
                problem = _problem(member, limits)
                if problem:
                    report(Finding(shown(member.name), None, problem))
                elif name := names.take(member.name):
                    self._members[name] = _Place(member.offset_data, member.size)
        if not count:
            raise InvalidInput(f"{DAMAGED}: nothing is in it")

    def names(self) -> Sequence[str]:
        """See `Source.names`."""
        return list(self._members)

    def size(self, name: str) -> int:
        """See `Source.size`."""
        return self._members[name].size

    def read(self, name: str, most_bytes: int) -> bytes:
        """See `Source.read`."""
        place = self._members[name]
        if place.size > most_bytes:
            raise InvalidInput(f"the file has {place.size:,} bytes, allowed are {most_bytes:,}")
        self._file.seek(place.offset)
        content = self._file.read(place.size)
        if len(content) < place.size:
            raise InvalidInput("the file is damaged: the archive ends before it")
        return content

    def open(self, name: str) -> BinaryIO:
        """See `Source.open`."""
        place = self._members[name]
        stream = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - the caller closes it
        for start in range(0, place.size, _PIECE_BYTES):
            self._file.seek(place.offset + start)
            stream.write(self._file.read(min(_PIECE_BYTES, place.size - start)))
        stream.seek(0)
        return cast(BinaryIO, stream)


def unpacked_to_file(file: BinaryIO, folder: Path, limits: Limits, packed: int, look: Callable[[], None]) -> BinaryIO:
    """What gzip has packed, as a temporary file without a name; the caller closes it.

    Args:
        packed: length of the archive.
        look: is called now and then, and may raise.

    Raises:
        InvalidInput: damaged, or more than allowed comes out.
    """
    most = min(limits.most_bytes, max(limits.most_member_bytes, limits.most_ratio * packed))
    target = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - the caller closes it
    try:
        written = 0
        with gzip.GzipFile(fileobj=file) as source:
            while piece := source.read(_PIECE_BYTES):
                look()
                written += len(piece)
                if written > most:
                    raise InvalidInput(f"the archive unpacks to more than {most:,} bytes: split it, or pack it less")
                target.write(piece)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        target.close()
        raise InvalidInput(f"{DAMAGED}: {error}") from None
    except BaseException:
        target.close()
        raise
    return cast(BinaryIO, target)


class _Bounded:
    """A file of which a reader of headers gets no more at once than a header may have."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MOST_HEADER_BYTES:
            raise InvalidInput("a header of the archive is longer than any name can be")
        return self._file.read(size)


def _problem(member: tarfile.TarInfo, limits: Limits) -> str | None:
    if member.type not in _CARRIES_A_FILE or member.issparse():
        return NOT_REGULAR
    return limits.problem(member.size, member.size)
