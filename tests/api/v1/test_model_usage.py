"""What an owner sees of the calls of a model."""

from __future__ import annotations

from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from inference.usage import UsageRecorder
from storage.store import Store
from storage.usage import Calls
from tests.api.conftest import Pets
from tests.api.problems import assert_problem
from tests.conftest import Caller
from utils import utc_now


def _get(caller: Caller, path: str) -> TestResponse:
    return caller._client.get(path, headers={"Authorization": f"Bearer {caller.token}"})


def test_an_owner_sees_calls_errors_and_percentiles_by_day_and_over_all_days(caller: Caller, store: Store, pets: Pets):
    recorder, today = UsageRecorder(store.usage), utc_now().date()
    for ms in range(1, 101):
        recorder.record(pets.project.id, pets.model.id, ms / 1000)
    recorder.record(pets.project.id, pets.model.id, 0.001, "unavailable")
    recorder.close()
    only_errors = Calls(2)
    only_errors.errors["not_found"] = 2
    store.usage.add(pets.project.id, pets.model.id, today - timedelta(days=2), only_errors)
    shown = _get(caller, f"/api/v1/models/{pets.model.id}/usage").json
    newest, older = shown["items"]
    assert shown["next"] is None
    assert (newest["date"], newest["calls"], newest["errors"]) == (today.isoformat(), 101, 1)
    assert newest["errors_by_code"] == {"unavailable": 1}
    assert newest["p50_ms"] == pytest.approx(50, rel=0.06)
    assert newest["p95_ms"] == pytest.approx(95, rel=0.06)
    assert older == {
        "date": (today - timedelta(days=2)).isoformat(),
        "calls": 2, "errors": 2, "errors_by_code": {"not_found": 2}, "p50_ms": None, "p95_ms": None,
    }  # fmt: skip
    total = {"days": 30, "calls": 103, "errors": 3, "errors_by_code": {"not_found": 2, "unavailable": 1}}
    assert shown["total"] == {**total, "p50_ms": newest["p50_ms"], "p95_ms": newest["p95_ms"]}
    assert _get(caller, f"/api/v1/models/{pets.model.id}/usage?days=2").json["total"]["calls"] == 101


def test_a_model_that_nobody_called_has_no_days(caller: Caller, pets: Pets):
    shown = _get(caller, f"/api/v1/models/{pets.model.id}/usage?days=400").json
    assert shown["items"] == []
    assert (shown["total"]["calls"], shown["total"]["p95_ms"]) == (0, None)


@pytest.mark.parametrize("days", ["0", "401", "x", "1.5"])
def test_a_period_outside_of_what_is_kept_is_400(caller: Caller, pets: Pets, days: str):
    assert_problem(_get(caller, f"/api/v1/models/{pets.model.id}/usage?days={days}"), 400, "days")


def test_a_published_model_shows_its_usage_to_its_owner_only(other: Caller, store: Store, pets: Pets):
    store.projects.publish(pets.project, True)
    assert _get(other, f"/api/v1/models/{pets.model.id}").status_code == 200
    assert_problem(_get(other, f"/api/v1/models/{pets.model.id}/usage"), 404, "no model")
