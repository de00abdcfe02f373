"""A page from another origin in a real browser speaks the contract: cross-origin rules hold for answers and errors."""

from __future__ import annotations

import functools
import html
import json
import re
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from storage.store import Store
from tests.browser.browser import CHROMIUM, dom_of, serving


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_page_from_another_origin_tells_the_whole_story(session_app: Flask, store: Store, tmp_path: Path) -> None:
    pages = functools.partial(Quiet, directory=Path(__file__).parent)
    with (
        serving(make_server("127.0.0.1", 0, session_app, threaded=True)) as platform,
        serving(ThreadingHTTPServer(("127.0.0.1", 0), pages)) as origin,
    ):
        page = f"{origin}/story.html?platform={platform}"
        dom = dom_of(page, tmp_path)
    found = re.search(r'<pre id="result">(.*?)</pre>', dom, re.DOTALL)
    assert found, dom
    told = json.loads(html.unescape(found[1]))
    statuses = {name: answer["status"] for name, answer in told.items()}
    assert statuses == {
        "sign up": 200,
        "create": 200,
        "classes": 200,
        "place": 200,
        "analyse": 200,
        "list": 200,
        "bearer": 200,
        "train": 400,
        "wrong password": 401,
        "unknown path": 404,
        "delete": 200,
    }
    assert told["analyse"]["body"]["data_points"] == [{"name": "one.png", "labels": ["0 0.5 0.5 0.4 0.4"]}]
    assert told["list"]["body"][0]["current_url"] == "NONE"
    assert told["train"]["body"]["Error"].startswith("train_split")
