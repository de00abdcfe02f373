"""ZIP files of strangers: read without trust, by the reader that imports of data use."""

from __future__ import annotations

import io
import zipfile

from datasets.archives.members import Limits
from datasets.archives.zip_source import ZipSource
from datasets.formats.protocol import Finding
from settings import MEBIBYTE
from utils import InvalidInput

MOST_MEMBERS = 1100
MOST_BYTES = 1024 * MEBIBYTE
# The oldest time that a ZIP can name, so that the same content gives the same file.
OLDEST = (1980, 1, 1, 0, 0, 0)
_MOST_RATIO = 2000  # rows of Moodle are mostly zeros


def unpacked(content: bytes) -> dict[str, bytes]:
    """Every file by its name.

    Raises:
        InvalidInput: it is no ZIP, damaged, too large, or holds what is no plain file.
    """
    found: list[Finding] = []
    limits = Limits(MOST_MEMBERS, MOST_BYTES, MOST_BYTES, _MOST_RATIO)
    try:
        source = ZipSource(io.BytesIO(content), limits, found.append)
        files = {name: source.read(name, MOST_BYTES) for name in source.names()}
    except InvalidInput as error:
        raise InvalidInput(f"the ZIP file cannot be read: {error.detail}") from None
    if found:
        raise InvalidInput(f"the ZIP file holds what a model does not: {found[0].reason}")
    return files


def empty_zip() -> bytes:
    """A ZIP file without anything in it."""
    stream = io.BytesIO()
    zipfile.ZipFile(stream, "w").close()
    return stream.getvalue()
