"""What is remembered for a moment is right again at once after a change on this machine."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

from flask.testing import FlaskClient

from api.recent import Recent
from storage.changes import Changes
from storage.store import Store
from tests.api.problems import assert_problem
from tests.conftest import Caller, encoded, picture
from tests.inference.models import publish_brightness_model


def test_what_was_read_is_not_read_again_until_something_changes(tmp_path: Path):
    changes, values = Changes(tmp_path / "changes"), iter(range(9))
    recent = Recent(changes, seconds=3600)
    assert [recent.get("a", lambda: next(values)) for _ in range(3)] == [0, 0, 0]
    assert recent.get("b", lambda: next(values)) == 1
    changes.mark()
    assert recent.get("a", lambda: next(values)) == 2
    changes.mark()
    assert recent.get("b", lambda: next(values)) == 3


def test_it_is_read_again_when_its_time_is_over(tmp_path: Path):
    values = iter(range(9))
    recent = Recent(Changes(tmp_path / "changes"), seconds=0)
    assert [recent.get("a", lambda: next(values)) for _ in range(2)] == [0, 1]


def test_a_change_while_it_is_read_makes_it_old(tmp_path: Path):
    changes, values = Changes(tmp_path / "changes"), iter(range(9))
    recent = Recent(changes, seconds=3600)

    def read() -> int:
        changes.mark()
        return next(values)

    assert [recent.get("a", read) for _ in range(2)] == [0, 1]


def test_nothing_found_is_not_remembered(tmp_path: Path):
    values = iter([None, 7])
    recent = Recent(Changes(tmp_path / "changes"), seconds=3600)
    assert [recent.get("a", lambda: next(values)) for _ in range(3)] == [None, 7, 7]


def test_a_change_in_one_process_is_seen_in_the_others(tmp_path: Path):
    changes = Changes(tmp_path / "changes")
    before = changes.stamp
    other = multiprocessing.get_context("spawn").Process(target=_mark, args=(tmp_path / "changes",))
    other.start()
    other.join(30)
    assert changes.stamp != before


def _mark(path: Path) -> None:
    Changes(path).mark()


def test_who_was_served_a_moment_ago_is_refused_once_that_is_withdrawn(
    client: FlaskClient, caller: Caller, store: Store
) -> None:
    publish_brightness_model(store, caller.username, "p")

    def predict() -> object:
        return caller.call("POST", "/api/v1/published/p/predict", image=encoded(picture()))

    assert predict().status_code == 200  # type: ignore[attr-defined]
    caller.call("PUT", "/publish", project_name="p", is_published="False")
    assert_problem(predict(), 404)
    caller.call("PUT", "/publish", project_name="p", is_published="True")
    assert predict().status_code == 200  # type: ignore[attr-defined]
    caller.call("PATCH", "/auth", username=caller.username, password="correct horse")
    assert_problem(predict(), 401)
