"""The field types that schemas share: text, names, passwords, numbers."""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, StringConstraints

MOST_NAME_CHARACTERS = 100
MOST_CLASS_CHARACTERS = 100
_MOST_LOOKUP_CHARACTERS = 1000
PASSWORD_BYTES = (8, 72)
_JOINERS = "\u200c\u200d"
_DATA_URL = re.compile(r"data:[^,]{0,200},", re.IGNORECASE)


def encodable(text: str) -> str:
    """Text that UTF-8, and so the database, can hold; composed (NFC), so that equal names are equal."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("the text holds half a surrogate pair, which is no character") from None
    return unicodedata.normalize("NFC", text)


def printable(text: str) -> str:
    """Text without control, format or unassigned characters, in one line.

    The two joiners stand between letters of Persian and Indic words and inside emoji, where they can be seen; between
    ASCII letters they could only make a name that looks like another.
    """
    for position, character in enumerate(text):
        if character in _JOINERS and not (text[max(0, position - 1)] + text[position + 1 : position + 2]).isascii():
            continue
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
            raise ValueError(f"the character U+{ord(character):04X} is not allowed: use visible characters only")
    return text


def _name(text: str) -> str:
    if "/" in text or "\\" in text:
        raise ValueError("a name may not hold / or \\")
    if text in (".", ".."):
        raise ValueError(f"'{text}' is no name")
    return text


def string(value: Any) -> str:
    """A string as sent, composed; for validators that make something else of it."""
    if not isinstance(value, str):
        raise ValueError("must be a string")
    return encodable(value)


def class_name(text: str) -> str:
    """A class name as it is stored; the classic contract joins them by `|`.

    Raises:
        ValueError: it is none, in words.
    """
    name = printable(text.strip())
    if not name:
        raise ValueError("a class needs a name")
    if len(name) > MOST_CLASS_CHARACTERS:
        raise ValueError(f"{len(name)} characters, allowed are {MOST_CLASS_CHARACTERS}")
    if "|" in name:
        raise ValueError("a class name may not hold |")
    return name


def _password(value: Any) -> bytes:
    content = string(value).encode()
    shortest, longest = PASSWORD_BYTES
    if not shortest <= len(content) <= longest:
        raise ValueError(f"must be {shortest} to {longest} bytes long, got {len(content)}")
    if b"\0" in content:
        raise ValueError("may not hold the character NUL")
    return content


def _image_bytes(value: Any) -> bytes:
    text = string(value)
    text = _DATA_URL.sub("", text, count=1) if text[:5].lower() == "data:" else text
    # Forms that were not escaped turn each + into a space.
    text = text.strip().replace(" ", "+").replace("\n", "").replace("\r", "")
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not valid base64: send the image file's bytes, base64-encoded") from None
    if not content:
        raise ValueError("the image is empty")
    return content


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(f"must be a number, got {str(value).lower()}")
    return value


Text = Annotated[str, AfterValidator(encodable)]
Lookup = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=_MOST_LOOKUP_CHARACTERS),
    AfterValidator(encodable),
]
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_NAME_CHARACTERS),
    AfterValidator(encodable),
    AfterValidator(printable),
    AfterValidator(_name),
]
ClassName = Annotated[Text, AfterValidator(class_name)]
NewPassword = Annotated[bytes, BeforeValidator(_password)]
ImageBytes = Annotated[bytes, BeforeValidator(_image_bytes)]
# Behind `Field` with the bounds: in front of it, bounds would meet the null of an optional number.
Number = BeforeValidator(_no_boolean)
