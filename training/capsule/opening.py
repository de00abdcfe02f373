"""A capsule that somebody sent, as the files in it."""

from __future__ import annotations

from typing import BinaryIO, NoReturn

from datasets.archives.members import Limits
from datasets.archives.zip_source import ZipSource
from datasets.formats.protocol import Finding
from utils import InvalidInput

_MOST_ENTRIES = 2_000_000


def open_capsule(file: BinaryIO, most_bytes: int) -> ZipSource:
    """The files of a capsule. What an import of images would leave out is a reason here to refuse all of it.

    Args:
        most_bytes: of all files together, unpacked.

    Raises:
        InvalidInput: it is no ZIP archive, damaged, too large, or made to harm.
    """
    limits = Limits(_MOST_ENTRIES, most_bytes, most_member_bytes=most_bytes, packed_files=True)
    return ZipSource(file, limits, _refuse)


def _refuse(finding: Finding) -> NoReturn:
    reason = finding.reason.removesuffix("left out").rstrip(" ;:")
    raise InvalidInput(f"'{finding.path}' in the archive: {reason}")
