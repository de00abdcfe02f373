"""Groups of images that must stay on one side of the split, named by a tag or by a part of their names."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from utils import InvalidInput

TAG = "group:"
MOST_PATTERN_CHARACTERS = 200
MOST_NAME_CHARACTERS = 100
_MOST_STEPS = 1_000_000
_PIECE = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?:|\(\?|\{\d*,?\d*\}|.", re.DOTALL)
_OPEN_REPEAT = re.compile(r"[*+]|\{\d*,\d*\}")
_REPEAT = re.compile(r"[*+?]|\{\d*,?\d*\}")


def check_pattern(text: str) -> None:
    """See that a regular expression can name groups, and takes little time on any name.

    Python's engine tries all ways of matching, of which some expressions have billions even on a short name. So only
    those are taken whose ways can be counted beforehand: nothing but single characters is repeated, and there is
    neither a look around nor a reference back.

    Raises:
        InvalidInput: it is none, or one that may take too long; says what to change.
    """
    if len(text) > MOST_PATTERN_CHARACTERS:
        raise _refused(f"it has {len(text):,} characters, allowed are {MOST_PATTERN_CHARACTERS}")
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise _refused(f"it is no regular expression: {error}") from None
    if _most_steps(text) > _MOST_STEPS:
        raise _refused("it may take too long on some names: begin it with ^, and use fewer of * + ? | and {}")


def groups_of(name: str, tags: Iterable[str], pattern: re.Pattern[str] | None) -> tuple[str, ...]:
    """Names of the groups of one image, sorted."""
    found = {tag for tag in tags if tag.startswith(TAG) and tag != TAG}
    match = pattern.search(name[:MOST_NAME_CHARACTERS]) if pattern else None
    if match and (part := match[1] if match.re.groups else match[0]):
        found.add(f"name:{part}")
    return tuple(sorted(found))


def compiled(text: str) -> re.Pattern[str] | None:
    """A project's pattern; None when it has none, or one that `check_pattern` refuses."""
    if not text:
        return None
    try:
        check_pattern(text)
    except InvalidInput:
        return None
    return re.compile(text)


def _most_steps(text: str) -> float:
    """How many ways there are at most to match a name of the greatest length.

    Each repetition may end at any place behind where the one before has ended, each alternative doubles the ways, and
    all that again from every character on unless it is tied to the beginning.
    """
    repeats, choices, before = 0, 0, ""
    for piece in _PIECE.findall(text):
        if piece == "(?" or re.fullmatch(r"\\[1-9]", piece):
            raise _refused("it may hold neither (?...) but (?:...), nor references such as \\1")
        if before == ")" and piece != "?" and _REPEAT.fullmatch(piece):
            raise _refused("a group in parentheses may not be repeated: repeat single characters or [...] instead")
        repeats += bool(_OPEN_REPEAT.fullmatch(piece))
        # Behind a repetition it only says that the shortest way is tried first.
        choices += piece == "|" or (piece == "?" and not _REPEAT.fullmatch(before))
        before = piece
    starts = 1 if text.startswith("^") and "|" not in text else MOST_NAME_CHARACTERS
    return starts * math.comb(MOST_NAME_CHARACTERS + repeats, repeats) * 2.0**choices


def _refused(why: str) -> InvalidInput:
    message = f"group_pattern cannot be used: {why}"
    return InvalidInput(message, [{"field": "group_pattern", "message": message}])
