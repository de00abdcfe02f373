"""What trainings need is loaded ahead of the first, for those only who may train."""

from __future__ import annotations

import io
from base64 import b64encode
from pathlib import Path

import psutil

from api.moodle.application import build_moodle_app
from settings import Settings
from tests.api.moodle.conftest import served
from tests.conftest import wait_until
from tests.moodle.data import labelled
from tests.moodle.processes import fork_servers

FORM = {"uniqueid": "m", "dirhash": "d"}


def test_the_backend_alone_loads_it_when_it_starts_with_one_web_process(tmp_path: Path):
    with served(tmp_path) as (_, process):
        wait_until(lambda: bool(fork_servers(process)), 60)
        (parent,) = process.children()
        (_,) = parent.children()


def test_elsewhere_it_is_loaded_for_the_first_who_may_train_and_for_nobody_else(tmp_path: Path):
    settings = Settings(moodle_dir=str(tmp_path), moodle_users="moodle:secret", training_niceness=0)
    client = build_moodle_app(lambda: settings, lambda given: given).test_client()
    before = fork_servers(psutil.Process())  # of other tests
    known = {"Authorization": "Basic " + b64encode(b"moodle:secret").decode()}
    form = {**FORM, "dataset": (io.BytesIO(labelled(20)), "f")}
    assert client.post("/training", data=form).status_code == 401
    assert client.get("/export", query_string=FORM, headers=known).status_code == 503
    assert not fork_servers(psutil.Process()) - before
    # Even though it brings no file.
    assert client.post("/training", data=FORM, headers=known).status_code == 400
    assert len(fork_servers(psutil.Process()) - before) == 1
