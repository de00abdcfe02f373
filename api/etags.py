"""`ETag` and `If-Match`: who changes what somebody else has changed meanwhile is told so, and overwrites nothing."""

from __future__ import annotations

import re

from flask import request

from utils import ChangedMeanwhile, InvalidInput

_REVISION = re.compile(r'(?:W/)?"(\d{1,18})"')


def etag(revision: int) -> dict[str, str]:
    """The header that tells the revision of what is answered."""
    return {"ETag": f'"{revision}"'}


def wanted_revision() -> int | None:
    """The revision that the caller has read and wants to change; None when any is good.

    Raises:
        InvalidInput: `If-Match` holds none of our tags.
    """
    text = request.headers.get("If-Match", "*").strip()
    if text == "*":
        return None
    found = _REVISION.fullmatch(text)
    if found is None:
        raise InvalidInput(f"If-Match must be the ETag of an answer of ours, or *; got {text[:100]}")
    return int(found[1])


def changed_meanwhile(what: str) -> ChangedMeanwhile:
    """The refusal of a change that was decided on an older revision."""
    return ChangedMeanwhile(f"{what} has been changed since you read it: read it again, then decide")
