"""Names of columns: what the first line of a file may say."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from datasets.tables.bounds import Bounds
from datasets.tables.cells import date_of, is_number, shown
from utils import InvalidInput, some_of

MOST_NAME_CHARACTERS = 200
_SPACES = re.compile(r"[\s\x00-\x1f]+")
_YEAR = re.compile(r"1[5-9][0-9]{2}|2[01][0-9]{2}")


def column_name(text: str) -> str:
    """A name as it is kept: composed, and with one space where there are several or a line break."""
    return _SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip()


def column_names(header: Sequence[str | None], bounds: Bounds) -> tuple[str, ...]:
    """The names that a first line gives.

    Raises:
        InvalidInput: it is none, or a name is missing, too long or there twice; says which.
    """
    if len(header) > bounds.columns:
        raise InvalidInput(f"the table has {len(header):,} columns, allowed are {bounds.columns:,}: leave some out")
    names = tuple(column_name(text or "") for text in header)
    _check_that_it_is_no_data(names)
    if nameless := [number for number, name in enumerate(names, 1) if not name]:
        which = "column" if len(nameless) == 1 else f"{len(nameless):,} columns, the first of them"
        raise InvalidInput(
            f"the first line gives no name to {which} number {nameless[0]:,} of {len(names):,}: name every column, or "
            "leave out those that only number the rows"
        )
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise InvalidInput(f"the first line names columns twice: {some_of(twice)}: give each a name of its own")
    if long := [name for name in names if len(name) > MOST_NAME_CHARACTERS]:
        raise InvalidInput(
            f"the column {shown(long[0])} has a name of {len(long[0]):,} characters, allowed are {MOST_NAME_CHARACTERS}"
        )
    return names


def _check_that_it_is_no_data(names: Sequence[str]) -> None:
    data = [name for position, name in enumerate(names) if _is_data(name, position)]
    if data:
        raise InvalidInput(
            f"the first line must name the columns, and {some_of(data)} "
            f"{'looks' if len(data) == 1 else 'look'} like data: put a line with a name for each column on top"
        )


def _is_data(name: str, position: int) -> bool:
    """Numbers and dates are, unless they are years, or the numbers of columns."""
    if not name or _YEAR.fullmatch(name) or name in (str(position), str(position + 1)):
        return False
    try:
        return is_number(name) or date_of(name) is not None
    except ValueError:
        return False
