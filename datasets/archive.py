"""A zip archive that is written while it is sent, whose length is known before.

Nothing is compressed: images are already, and only so can the length be told, which browsers show progress by.
"""

from __future__ import annotations

import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from datasets.zip_sink import ZipSink
from utils import plural

MISSING = "missing.txt"
# What the zip format lays around the content of an entry; https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
_LOCAL_BYTES, _DESCRIPTOR_BYTES, _CENTRAL_BYTES = 30, 16, 46
_END_BYTES, _END64_BYTES = 22, 56 + 20
_OFFSET64_BYTES = 4 + 8
# Lengths of a single entry that need no wider fields.
_MOST_ENTRY_BYTES = 1024**3
_SEND_BYTES = 256 * 1024


@dataclass(frozen=True)
class Entry:
    """One file of an archive: its text, or the key and the size in bytes of what is fetched when it is due.

    What is fetched has some 20 bytes at least, as every image has; else there is no room to say that it is gone.
    """

    path: str
    size: int
    content: bytes | None = None
    key: str = ""


# Contents of entries by their keys, in their order; None for one that is not there any more.
Fetch = Callable[[Iterable[Entry]], Iterator[bytes | None]]


class Archive:
    """Entries as a zip archive.

    An entry that turns out to be gone is left out, and `missing.txt` says so at the end; blank lines there make up for
    its length, since that was promised.

    Args:
        fetch: contents of the entries that have none.
    """

    def __init__(self, entries: list[Entry], fetch: Fetch):
        self._entries = entries
        self._fetch = fetch
        self.length = _length_of(entries)

    def stream(self) -> Iterator[bytes]:
        """The archive in pieces of some hundred kilobytes; it may be gone through once."""
        sink, missing = ZipSink(), []
        now = time.localtime()[:6]
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
            fetched = self._fetch(entry for entry in self._entries if entry.content is None)
            for entry in self._entries:
                content = next(fetched) if entry.content is None else entry.content
                if content is None:
                    missing.append(entry.path)
                    continue
                archive.writestr(zipfile.ZipInfo(entry.path, now), content)
                yield from sink.take(_SEND_BYTES)
            if missing:
                room = _room_at_end(archive, sink.written, self.length)
                archive.writestr(zipfile.ZipInfo(MISSING, now), _missing_text(missing, room))
        yield from sink.take()


def _length_of(entries: list[Entry]) -> int:
    offset, directory = 0, 0
    for entry in entries:
        name = len(entry.path.encode())
        directory += _directory_bytes(name, offset)
        offset += _LOCAL_BYTES + name + entry.size + _DESCRIPTOR_BYTES
    return offset + directory + _trailer_bytes(len(entries), offset, directory)


def _room_at_end(archive: zipfile.ZipFile, offset: int, length: int) -> int:
    """How many bytes a last entry, the list of what is missing, has to have for the archive to get this length."""
    names = [(len(info.filename.encode()), info.header_offset) for info in archive.filelist]
    names.append((len(MISSING), offset))
    directory = sum(_directory_bytes(name, at) for name, at in names)
    before = offset + _LOCAL_BYTES + len(MISSING) + _DESCRIPTOR_BYTES
    trailer = _trailer_bytes(len(names), length - directory - _END_BYTES, directory)
    return length - trailer - directory - before


def _directory_bytes(name: int, offset: int) -> int:
    return _CENTRAL_BYTES + name + (_OFFSET64_BYTES if offset > zipfile.ZIP64_LIMIT else 0)


def _trailer_bytes(count: int, offset: int, directory: int) -> int:
    is_large = count > zipfile.ZIP_FILECOUNT_LIMIT or max(offset, directory) > zipfile.ZIP64_LIMIT
    return _END_BYTES + (_END64_BYTES if is_large else 0)


def _missing_text(missing: list[str], room: int) -> bytes:
    """Names of what is missing, in exactly this many bytes."""
    if room > _MOST_ENTRY_BYTES:
        raise RuntimeError(
            f"{plural(len(missing), 'file')} of an archive went away while it was sent: too much to go on"
        )
    lines = ["These files were deleted while the archive was made:", *missing]
    text = "\n".join(lines).encode() + b"\n"
    return text[:room].ljust(room, b"\n")
