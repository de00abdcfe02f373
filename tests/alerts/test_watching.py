"""Incidents of a project's rules: opened once and ended once, whatever restarts, comes twice or comes at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.monitoring import CommandListener

import alerts.watching
from alerts.rows import KEPT_ROWS, unpack
from alerts.watching import Watcher
from inference.anomaly.judging import Judged
from settings import Settings
from storage.projects import Project
from storage.store import Store
from tests.alerts.conftest import BEGIN, a_row, a_rule, incidents, rows
from tests.conftest import wait_until
from tests.notifications.conftest import a_project
from utils import Unavailable

ODD, CALM = rows(0, 3, 5, 2), rows(0, 0, 0, 0, 0, begin=10)


@pytest.fixture
def watcher(store: Store, settings: Settings) -> Watcher:
    return Watcher(store, settings)


def test_an_incident_says_what_was_found(store: Store, watcher: Watcher, project: Project):
    rule = a_rule(store, project)
    watcher.observe(project.id, "pump 1", ODD)
    (found,) = incidents(store, project)
    assert (found.rule_id, found.rule_name, found.kind, found.key) == (rule.id, "bearings", "score", "pump 1")
    assert (found.rows, found.worst, found.top) == (3, 5, (("bearing", 0.75), ("oil", 0.25)))
    assert found.began_at.timestamp() == BEGIN + 3
    assert (found.closed_at, found.reason) == (None, None)
    watcher.observe(project.id, "pump 1", [*rows(7, begin=5), *CALM])
    (over,) = incidents(store, project)
    assert (over.id, over.rows, over.worst) == (found.id, 4, 7)
    assert over.ended_at
    assert over.ended_at.timestamp() == BEGIN + 14
    assert over.reason == "the rows are as they should be again"


@pytest.mark.parametrize("batches", [[[*ODD, *rows(9, 4, begin=4)]], [ODD, rows(9, begin=4), rows(4, begin=5)]])
def test_an_open_incident_of_which_no_more_rows_come_shows_all_that_came(
    store: Store, watcher: Watcher, project: Project, monkeypatch: pytest.MonkeyPatch, batches: list[list[Judged]]
):
    a_rule(store, project)
    for batch in batches:
        watcher.observe(project.id, "pump 1", batch)
    monkeypatch.setattr(alerts.watching, "_STORED_SECONDS", 0.0)
    watcher.tick()
    (found,) = incidents(store, project)
    assert (found.closed_at, found.rows, found.worst) == (None, 5, 9)


def test_scores_that_go_up_and_down_are_one_incident(store: Store, watcher: Watcher, project: Project):
    a_rule(store, project)
    for second in range(30):
        watcher.observe(project.id, "pump 1", [a_row(1.1 if second % 2 else 0.95, second)])
    assert [incident.closed_at for incident in incidents(store, project)] == [None]


def test_each_key_and_each_rule_has_incidents_of_its_own(store: Store, watcher: Watcher, project: Project):
    for name in ("first", "second"):
        a_rule(store, project, name=name)
    for key in ("pump 1", "pump 2", "pump 3"):
        watcher.observe(project.id, key, CALM if key == "pump 2" else ODD)
    found = {(incident.rule_name, incident.key) for incident in incidents(store, project)}
    assert found == {(rule, key) for rule in ("first", "second") for key in ("pump 1", "pump 3")}


def test_after_an_incident_there_is_none_until_the_cool_down_is_over(
    store: Store, settings: Settings, project: Project
):
    rule = a_rule(store, project, cooldown_seconds=3600)
    for begin in (0, 100):
        Watcher(store, settings).observe(
            project.id, "pump 1", [*rows(2, 2, 2, begin=begin), *rows(*[0] * 5, begin=begin + 10)]
        )
    assert len(incidents(store, project)) == 1
    entry = f"entries.{rule.id}.quiet_until"
    store.database["alert_states"].update_one({}, [{"$set": {entry: "$$NOW"}}])
    Watcher(store, settings).observe(project.id, "pump 1", rows(2, 2, 2, begin=200))
    assert len(incidents(store, project)) == 2


def test_rows_that_come_again_count_once(store: Store, settings: Settings, project: Project):
    a_rule(store, project)
    for _ in range(3):
        Watcher(store, settings).observe(project.id, "pump 1", [*ODD, *CALM])
    assert len(incidents(store, project)) == 1


def test_a_window_survives_its_process(store: Store, settings: Settings, project: Project):
    a_rule(store, project)
    for score, second in ((2, 0), (0, 1), (2, 2), (2, 3)):
        assert incidents(store, project) == []
        Watcher(store, settings).observe(project.id, "pump 1", [a_row(score, second)])
    assert len(incidents(store, project)) == 1


def test_rows_of_a_model_that_warms_up_are_not_judged(store: Store, watcher: Watcher, project: Project):
    a_rule(store, project)
    watcher.observe(project.id, "pump 1", [a_row(9, second, warming_up=True) for second in range(9)])
    assert incidents(store, project) == []


@pytest.mark.parametrize("step", ["opening", "ending"])
def test_what_a_process_had_begun_when_it_died_another_finishes(
    store: Store, settings: Settings, project: Project, step: str, monkeypatch: pytest.MonkeyPatch
):
    a_rule(store, project)
    if step == "ending":
        Watcher(store, settings).observe(project.id, "pump 1", ODD)
    with monkeypatch.context() as patch:
        patch.setattr(alerts.watching, "finish", _die)
        with pytest.raises(SystemExit):
            Watcher(store, settings).observe(project.id, "pump 1", ODD if step == "opening" else CALM)
    before = [incident.closed_at for incident in incidents(store, project)]
    assert before == ([] if step == "opening" else [None])
    for _ in range(2):
        Watcher(store, settings).tick()
    (found,) = incidents(store, project)
    assert bool(found.closed_at) == (step == "ending")
    assert store.alert_states.owing() == []


def _die(*_: object) -> None:
    raise SystemExit


def test_what_cannot_be_finished_now_is_later(
    store: Store, watcher: Watcher, project: Project, monkeypatch: pytest.MonkeyPatch
):
    a_rule(store, project)
    with monkeypatch.context() as patch:
        patch.setattr(store.alert_incidents, "open", _is_silent)
        watcher.observe(project.id, "pump 1", ODD)
    assert incidents(store, project) == []
    watcher.tick()
    assert len(incidents(store, project)) == 1


def _is_silent(*_: object) -> None:
    raise Unavailable("the database does not answer")


def test_of_many_that_look_at_once_one_opens_and_no_row_is_lost(store: Store, settings: Settings, project: Project):
    rule = a_rule(store, project, parameters={"rows": 24, "of": 30})
    start = threading.Barrier(8)

    def look(number: int) -> None:
        watcher = Watcher(store, settings)
        start.wait()
        for second in range(3):
            watcher.observe(project.id, "pump 1", [a_row(2, number * 10 + second)])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(look, range(8)))
    (found,) = incidents(store, project)
    assert found.rows == 24
    entries = store.alert_states.get(project.id, "pump 1").entries
    assert entries[str(rule.id)]["open"] == found.id


def test_a_key_that_sends_nothing_is_an_incident_until_it_sends(store: Store, settings: Settings, project: Project):
    a_rule(store, a_project(store, "others"), "silence", parameters={"seconds": 1})
    store.alert_states.get(project.id, "never")
    a_rule(store, project, "silence", parameters={"seconds": 1})
    watchers = [Watcher(store, settings) for _ in range(2)]
    watchers[0].observe(project.id, "pump 1", rows(0, 0, 0))

    def silence() -> bool:
        for watcher in watchers:
            watcher.tick()
        return bool(incidents(store, project))

    wait_until(silence)
    silence()
    (found,) = incidents(store, project)
    assert (found.kind, found.key, found.closed_at, found.rows, found.worst) == ("silence", "pump 1", None, 0, None)
    packed = store.alert_incidents.packed_rows(found.id)
    assert packed
    assert len(unpack([packed])) == 3
    watchers[1].observe(project.id, "pump 1", rows(0, begin=50))
    (over,) = incidents(store, project)
    assert over.reason == "rows come again"
    assert over.ended_at
    assert over.ended_at > over.began_at


def test_keys_that_were_silent_before_the_rule_are_none_of_its_business(
    store: Store, settings: Settings, project: Project
):
    a_rule(store, project)
    Watcher(store, settings).observe(project.id, "old", ODD)
    a_rule(store, project, "silence", parameters={"seconds": 1})
    rules = store.alert_rules.active_of_kinds(["silence"])
    assert [list(store.alert_states.silent(rule, 0)) for rule in rules] == [[]]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"active": False}, "the rule was switched off"),
        ({"parameters": {"level": 1, "rows": 1, "of": 1, "clear_level": 1, "clear_rows": 1}}, "the rule was changed"),
        (None, "the rule was deleted"),
    ],
)
def test_incidents_of_a_rule_that_is_not_what_it_was_are_over(
    store: Store, settings: Settings, project: Project, change: dict | None, reason: str
):
    rule = a_rule(store, project)
    watcher = Watcher(store, settings)
    watcher.observe(project.id, "pump 1", ODD)
    if change is None:
        store.alert_rules.delete(rule)
    else:
        store.alert_rules.change(rule, change)
    watcher.tick()
    (found,) = incidents(store, project)
    assert found.reason == reason
    Watcher(store, settings).observe(project.id, "pump 1", rows(2, begin=60))
    assert len(incidents(store, project)) == (2 if change and "parameters" in change else 1)


def test_a_new_name_or_other_receivers_end_no_incident(store: Store, watcher: Watcher, project: Project):
    rule = a_rule(store, project)
    watcher.observe(project.id, "pump 1", ODD)
    store.alert_rules.change(rule, {"name": "oil", "mail": False, "cooldown_seconds": 60.0})
    watcher.tick()
    assert [incident.closed_at for incident in incidents(store, project)] == [None]


def test_the_last_rows_are_kept_for_the_picture(store: Store, settings: Settings, project: Project):
    a_rule(store, project, parameters={"rows": 3, "of": 3})
    for number in range(8):
        Watcher(store, settings).observe(project.id, "pump 1", rows(*[0.5] * 70, begin=number * 100))
    Watcher(store, settings).observe(project.id, "pump 1", rows(2, 3, 2, begin=2000))
    (found,) = incidents(store, project)
    packed = store.alert_incidents.packed_rows(found.id)
    assert packed
    kept = unpack([packed])
    assert len(kept) == KEPT_ROWS
    assert [row["score"] for row in kept[-4:]] == [0.5, 2, 3, 2]
    assert len(store.alert_states.rows(store.alert_states.get(project.id, "pump 1").id)) == 6


class Counter(CommandListener):
    """Commands that reach the database."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def started(self, event) -> None:
        if event.command_name in ("find", "aggregate", "insert", "update", "findAndModify", "delete"):
            self.names.append(event.command_name)

    def succeeded(self, event) -> None: ...

    def failed(self, event) -> None: ...


def test_a_batch_costs_nothing_without_rules_and_two_round_trips_with_some(
    store: Store, settings: Settings, project: Project
):
    counter = Counter()
    client: MongoClient[dict[str, Any]]
    with MongoClient(settings.mongo_uri, tz_aware=True, event_listeners=[counter]) as client:
        counted = Store(settings, client[settings.database])
        watcher = Watcher(counted, settings)
        for second in range(5):
            watcher.observe(project.id, "pump 1", rows(0, begin=second))
        assert counter.names == ["find"]
        for kind, parameters in (("score", {}), ("rate", {"count": 5, "seconds": 60}), ("silence", {})):
            a_rule(store, project, kind, parameters=parameters)
        watcher = Watcher(counted, settings)
        watcher.observe(project.id, "pump 1", rows(0, begin=10))
        counter.names.clear()
        watcher.observe(project.id, "pump 1", rows(2, begin=11))
    assert [name for name in counter.names if name != "find"] == ["update"]
    assert counter.names.count("find") <= 2  # rules are looked up once a second


def test_what_goes_with_a_project(store: Store, watcher: Watcher, project: Project):
    a_rule(store, project)
    watcher.observe(project.id, "pump 1", ODD)
    store.delete_project(project.id)
    for name in ("alert_rules", "alert_states", "alert_incidents"):
        assert store.database[name].count_documents({}) == 0


def test_a_large_row_is_kept_small(store: Store, watcher: Watcher, project: Project):
    a_rule(store, project, parameters={"rows": 1, "of": 1})
    shares = {f"s{number}": number / 79_800 * 2 for number in range(400)}
    watcher.observe(
        project.id, "pump 1", [replace(a_row(2, 0), contributions=shares, values=dict.fromkeys(shares, 0.1))]
    )
    (found,) = incidents(store, project)
    packed = store.alert_incidents.packed_rows(found.id)
    assert packed
    (kept,) = unpack([packed])
    assert len(kept["values"]) == 64
    assert list(kept["contributions"]) == [f"s{number}" for number in range(399, 391, -1)]


def test_rows_of_several_keys_are_looked_at_together_each_by_what_is_remembered_of_its_own(
    store: Store, settings: Settings, project: Project
):
    a_rule(store, project)
    watcher = Watcher(store, settings)
    watcher.observe_all(project.id, {"pump 1": rows(5, 5), "pump 2": rows(5, 0.1), "pump 3": []})
    watcher.observe_all(project.id, {"pump 1": rows(5, begin=2), "pump 2": rows(5, begin=2), "pump 4": ODD})
    assert [incident.key for incident in incidents(store, project)] == ["pump 1", "pump 4"]
