"""Text files of a source: bounded, UTF-8, in lines with their numbers."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from datasets.formats.protocol import Source
from utils import InvalidInput

MOST_TEXT_BYTES = 4 * 1024 * 1024
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text(source: Source, name: str, most_bytes: int = MOST_TEXT_BYTES) -> str:
    """The text of a file, without its byte order mark.

    Raises:
        ValueError: too long or no text, in words.
    """
    content = read_bytes(source, name, most_bytes)
    try:
        # What spreadsheets call "Unicode text" is UTF-16.
        text = content.decode("utf-16") if content.startswith(_UTF16) else content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line} is no UTF-8 text: save the file as UTF-8") from None
    if "\0" in text:
        raise ValueError("it holds NUL characters, so it is no text file: save it as UTF-8")
    return text


def read_bytes(source: Source, name: str, most_bytes: int) -> bytes:
    """The content of a file.

    Raises:
        ValueError: too long or unreadable, in words.
    """
    if source.size(name) > most_bytes:
        raise ValueError(f"the file has {source.size(name):,} bytes, allowed are {most_bytes:,}: split it")
    try:
        return source.read(name, most_bytes)
    except InvalidInput as error:
        raise ValueError(error.detail) from None


def lines_of(text: str) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, without white space around, with their number from 1."""
    return ((number, line.strip()) for number, line in enumerate(text.split("\n"), 1) if line.strip())
