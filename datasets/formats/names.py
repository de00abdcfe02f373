"""File names of an export: what any system can hold, and no two that any system takes for one."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

_EXTENSIONS = {
    "JPEG": ("jpg", "jpeg", "jpe", "jfif"),
    "PNG": ("png",),
    "WEBP": ("webp",),
    "BMP": ("bmp",),
}
IMAGE_EXTENSIONS = frozenset(extension for group in _EXTENSIONS.values() for extension in group)
_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
# Windows keeps these for devices, with any extension.
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
# File systems hold 255 bytes; a number and an extension come on top.
_MOST_BYTES = 180


class UniqueNames:
    """Gives safe names, each of which differs from all before by more than upper and lower case."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._numbers: Counter[str] = Counter()

    def take(self, text: str) -> str:
        """A safe name for `text`, followed by a number when it is taken."""
        name = free = safe_name(text)
        while _key(free) in self._taken:
            self._numbers[_key(name)] += 1
            free = f"{name}-{self._numbers[_key(name)] + 1}"
        self._taken.add(_key(free))
        return free

    def take_image(self, name: str, format: str) -> str:
        """A safe file name for an image; unique without its extension, since its labels lie under that.

        Args:
            format: of the file, as Pillow calls it; decides which extensions are right.
        """
        extensions = _EXTENSIONS[format]
        stem, _, extension = name.rpartition(".")
        if not stem or extension.lower() not in extensions:
            stem, extension = name, extensions[0]
        return f"{self.take(stem)}.{extension}"


def safe_name(text: str) -> str:
    """A file or folder name that every system can hold, as close to `text` as may be."""
    name = _UNSAFE.sub("_", unicodedata.normalize("NFC", text))
    while len(name.encode()) > _MOST_BYTES:
        name = name[:-1]
    name = name.strip(" ").rstrip(". ")
    # A leading dot hides a file from people and from tools.
    return f"_{name}" if not name or name.startswith(".") or _RESERVED.fullmatch(name) else name


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name.casefold())
