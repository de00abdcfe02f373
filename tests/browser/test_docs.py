"""The page that documents the API, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from werkzeug.serving import make_server

from api.openapi.document import described
from api.routes import ROUTES
from storage.store import Store
from tests.browser.browser import CHROMIUM, dom_of, serving


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_the_page_shows_every_noun_of_the_api(session_app: Flask, store: Store, tmp_path: Path) -> None:
    with serving(make_server("127.0.0.1", 0, session_app, threaded=True)) as platform:
        dom = dom_of(f"{platform}/api/docs", tmp_path)
    nouns = {item.tag for item in described(ROUTES)}
    assert nouns
    assert {noun for noun in nouns if f'data-tag="{noun}"' not in dom} == set()
