"""What an archive may hold, and under which names."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from datasets.formats.protocol import Finding

ARCHIVES = {"zip", "tar", "gz", "tgz", "bz2", "tbz2", "xz", "txz", "zst", "7z", "rar"}
_MOST_PATH_CHARACTERS = 1000
_DRIVE = re.compile(r"[A-Za-z]:")
BELOW_RATIO_BYTES = 1024 * 1024
NOT_REGULAR = "a link or a device, not a file: left out"


@dataclass(frozen=True)
class Limits:
    """Bounds of one archive.

    Attributes:
        most_members: files in it.
        most_bytes: of all files together, unpacked.
        most_member_bytes: of one file, unpacked.
        most_ratio: unpacked over packed bytes, of one file larger than a MiB and of all together.
        packed_files: whether files that are archives, or packed, by themselves count as files.
    """

    most_members: int
    most_bytes: int
    most_member_bytes: int = 512 * 1024 * 1024
    most_ratio: int = 250
    packed_files: bool = False

    def problem(self, size: int, packed: int) -> str | None:
        """Why a file of this size may not be unpacked; None when it may."""
        if size > self.most_member_bytes:
            return f"{size:,} bytes unpacked, allowed are {self.most_member_bytes:,} a file: left out"
        if size > BELOW_RATIO_BYTES and size > self.most_ratio * max(1, packed):
            return (
                f"{size:,} bytes packed into {packed:,}, which no image or label file is: "
                f"allowed are {self.most_ratio} times as many; left out"
            )
        return None


class Names:
    """The names of an archive's files, each safe and once.

    Args:
        report: gets what is left out.
        packed_files: as of `Limits`.
    """

    def __init__(self, report: Callable[[Finding], None], packed_files: bool = False):
        self._report = report
        self._packed_files = packed_files
        self._taken: set[str] = set()

    def take(self, name: str) -> str | None:
        """The name under which a file counts; None when it does not, which is reported."""
        try:
            safe = safe_path(name)
        except ValueError as error:
            self._report(Finding(shown(name), None, f"{error}; left out"))
            return None
        if not self._packed_files and posixpath.splitext(safe)[1][1:].lower() in ARCHIVES:
            self._report(Finding(safe, None, "an archive within the archive: unpack it first; left out"))
            return None
        if safe in self._taken:
            self._report(Finding(safe, None, "the archive holds two files of this name: the first counts"))
            return None
        self._taken.add(safe)
        return safe


def safe_path(name: str) -> str:
    """A member's path without `.` parts, separated by `/`.

    Raises:
        ValueError: it leads somewhere else, or is no name, in words.
    """
    if len(name) > _MOST_PATH_CHARACTERS:
        raise ValueError(f"the path has {len(name):,} characters, allowed are {_MOST_PATH_CHARACTERS:,}")
    path = name.replace("\\", "/")
    if path.startswith("/") or _DRIVE.match(path):
        raise ValueError("the path is absolute, wanted is one within the archive")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in path):
        raise ValueError("the path holds control characters")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ValueError("the path leads out of the archive with '..'")
    if not parts:
        raise ValueError("the path is empty")
    return "/".join(parts)


def shown(name: str) -> str:
    """A path as a report may show it."""
    text = name.encode("utf-8", "replace").decode()[:_MOST_PATH_CHARACTERS]
    return "".join(c if unicodedata.category(c) not in ("Cc", "Cs") else "?" for c in text)
