"""How a text writes a table: what stands between its cells, and what some programs put before the names."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
HEAD_BYTES = 256 * 1024
_HEAD_RECORDS = 50
# Excel reads and writes a first line such as "sep=;".
_BEFORE = re.compile(rb'(?:\r?\n)*(?:"?sep=([,;\t|])"?\r?\n(?:\r?\n)*)?', re.IGNORECASE)


@dataclass(frozen=True)
class Dialect:
    """How a text is written.

    Attributes:
        skipped: bytes before the line that names the columns.
        lines: how many lines these are.
    """

    separator: str
    skipped: int = 0
    lines: int = 0


def dialect_of(head: bytes) -> Dialect:
    """What the first bytes of a text tell.

    Args:
        head: all of the text, or its first `HEAD_BYTES`.
    """
    before = _BEFORE.match(head)
    skipped = before.end() if before else 0
    said = before.group(1) if before else None
    separator = said.decode() if said else _separator_of(head, skipped)
    return Dialect(separator, skipped, head[:skipped].count(b"\n"))


def _separator_of(head: bytes, skipped: int) -> str:
    """What gives all of the first lines the same number of cells, the most."""
    text = head[skipped:].decode(errors="replace")
    if len(head) >= HEAD_BYTES:
        text = text[: text.rfind("\n") + 1] or text
    return max(SEPARATORS, key=lambda separator: _likely(text, separator))


def _likely(text: str, separator: str) -> tuple[bool, int]:
    widths: list[int] = []
    try:
        for record in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            if record:
                widths.append(len(record))
            if len(widths) == _HEAD_RECORDS:
                break
    except csv.Error:
        pass
    if not widths or widths[0] == 1:
        return False, 0
    return len(set(widths)) == 1, widths[0]
