"""Sends again what a stash holds."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import requests

from moodle.stash import Payload, read_payload, stashed

_SECONDS = 3600.0
_SHOWN = 200


def replay(folder: Path, url: str, user: tuple[str, str] | None, say: Callable[[str], None]) -> bool:
    """Send every request of a folder, in the order in which they came, and say how each is answered.

    Args:
        url: where the backend is: `http://localhost:5000`.
        user: name and password.

    Returns:
        Whether all were answered with 200.
    """
    waiting = stashed(folder)
    good = 0
    for path in waiting:
        payload = read_payload(path)
        response = _send(payload, url.rstrip("/"), user)
        good += response.status_code == 200
        kind = response.headers.get("Content-Type", "")
        shown = response.text[:_SHOWN] if "zip" not in kind else f"{len(response.content):,} bytes"
        say(f"{path.name}: {response.status_code} in {response.elapsed.total_seconds():.3f} s: {shown}")
    say(f"{good} of {len(waiting)} were answered with 200.")
    return good == len(waiting)


def _send(payload: Payload, url: str, user: tuple[str, str] | None) -> requests.Response:
    with contextlib.ExitStack() as stack:
        files = {name: (f"{name}.csv", stack.enter_context(path.open("rb"))) for name, path in payload.files.items()}
        query = payload.parameters if payload.method == "GET" else None
        form = None if payload.method == "GET" else payload.parameters
        address = url + payload.path
        return requests.request(
            payload.method, address, params=query, data=form, auth=user, files=files or None, timeout=_SECONDS
        )
