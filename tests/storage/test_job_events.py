"""Events of a job: numbered by its document, written after the beat, read in order without missing any."""

from __future__ import annotations

from datetime import timedelta

import pytest
from bson import ObjectId

import training.worker.news
from storage.job import Job
from storage.job_events import Event, News, numbered
from storage.store import Store
from storage.sweeper import sweep
from tests.storage.test_jobs import a_job, claimed
from training.worker.heart import Heart
from training.worker.news import LOG_ENDS, news_of
from training.worker.progress import Progress
from utils import Unavailable, utc_now

LONG_AGO = utc_now() - timedelta(minutes=1)


def beat(store: Store, job: Job, *news: News) -> None:
    seen = store.job_runs.beat(job, {}, [], [], events=len(news))
    assert seen
    store.job_events.add(job.id, numbered(seen, list(news)))


def told(store: Store, job: Job, seq: int = 0) -> list[tuple[int, str]]:
    events = store.job_events.after(store.jobs.head(job.id), seq)
    return [(event.seq, event.data.get("state", event.kind)) for event in events]


def test_changes_of_state_and_news_of_the_beats_are_in_one_order(store: Store) -> None:
    job = a_job(store, "ada", "p")
    first = claimed(store)
    beat(store, first, News("log", {"lines": ["a"]}), News("metrics", {"epoch": 1}))
    assert store.job_runs.release(first, "the worker was lost")
    second = claimed(store)
    beat(store, second, News("progress", {}))
    assert store.job_runs.fail(second, "no")
    expected = ["queued", "running", "log", "metrics", "queued", "running", "progress", "failed"]
    assert told(store, job) == list(enumerate(expected, 1))
    assert told(store, job, 5) == list(enumerate(expected, 1))[5:]
    events = store.job_events.after(store.jobs.head(job.id), 0)
    assert [event.data["reason"] for event in events if event.kind == "state"] == [
        None, None, "the worker was lost", None, "no"
    ]  # fmt: skip


@pytest.mark.parametrize("runs", [False, True])
def test_a_cancel_is_an_event_once_the_job_has_ended(store: Store, runs: bool) -> None:
    job = a_job(store, "ada", "p")
    if runs:
        running = claimed(store)
    store.jobs.cancel(job.id)
    if runs:
        assert told(store, job)[-1] == (2, "running")
        assert store.job_runs.end_cancelled(running)
    store.jobs.cancel(job.id)
    assert [state for _, state in told(store, job)] == ["queued", *(["running"] if runs else []), "cancelled"]


def test_a_stale_attempt_gets_no_numbers(store: Store) -> None:
    job = a_job(store, "ada", "p")
    stale = claimed(store)
    store.job_runs.release(stale, "lost")
    assert store.job_runs.beat(stale, {}, [], [], events=3) is None
    assert store.jobs.head(job.id).last_event == 3


def test_nothing_behind_a_number_that_may_still_come_is_given(store: Store) -> None:
    job = a_job(store, "ada", "p")
    running = claimed(store)
    late = store.job_runs.beat(running, {}, [], [], events=1)
    assert late
    beat(store, running, News("log", {"lines": ["b"]}))
    assert told(store, job) == [(1, "queued"), (2, "running")]
    store.job_events.add(job.id, numbered(late, [News("log", {"lines": ["a"]})]))
    assert told(store, job, 2) == [(3, "log"), (4, "log")]
    assert [*store.job_events.log(job.id)] == [["a"], ["b"]]


def test_a_number_that_never_came_is_a_gap(store: Store) -> None:
    job = a_job(store, "ada", "p")
    assert store.job_runs.beat(claimed(store), {}, [], [], events=5)
    store.job_events.add(job.id, [Event("log", {"lines": []}, 7, LONG_AGO)])
    assert told(store, job) == [(1, "queued"), (2, "running"), (7, "log")]


def test_events_can_be_written_twice_because_an_answer_may_be_lost(store: Store) -> None:
    events = [Event("log", {"lines": ["a"]}, seq, LONG_AGO) for seq in (1, 2)]
    job_id = ObjectId()
    store.job_events.add(job_id, events[:1])
    store.job_events.add(job_id, events)
    assert [*store.job_events.log(job_id)] == [["a"], ["a"]]


def test_the_end_of_the_log_is_the_last_lines_over_several_events(store: Store) -> None:
    job_id = ObjectId()
    events = [Event("log", {"lines": [f"{seq}a", f"{seq}b"]}, seq, LONG_AGO) for seq in range(1, 5)]
    store.job_events.add(job_id, events)
    assert store.job_events.log_end(job_id, 3) == ["3b", "4a", "4b"]
    assert len(store.job_events.log_end(job_id, 100)) == 8


def test_more_events_than_one_look_gives_come_in_several(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.job_events.MOST_READ", 3)
    job = a_job(store, "ada", "p")
    running = claimed(store)
    beat(store, running, *[News("metrics", {"epoch": number}) for number in range(10)])
    store.job_runs.fail(running, "no")
    seen: list[tuple[int, str]] = []
    while more := told(store, job, len(seen)):
        seen += more
    assert [seq for seq, _ in seen] == list(range(1, 14))
    assert seen[-1] == (13, "failed")


def test_a_heart_tells_everything_once_though_the_database_is_away_for_a_while(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = a_job(store, "ada", "p")
    progress = Progress(2)
    heart = Heart(store, claimed(store), progress, 60)
    away = [True, True]

    def add(*arguments: object) -> None:
        if away and away.pop():
            raise Unavailable("away")
        monkeypatch.undo()
        store.job_events.add(*arguments)

    monkeypatch.setattr(store.job_events, "add", add)
    progress.log("one")
    for _ in range(2):
        with pytest.raises(Unavailable):
            heart.beat()
        progress.advance(1, 2, {"loss": 1.0})
    heart.beat()
    kinds = [kind for _, kind in told(store, job)]
    assert kinds[:3] == ["queued", "running", "log"]
    assert kinds.count("log") == 1
    assert "metrics" in kinds
    assert "progress" in kinds


def test_the_log_that_is_kept_is_bounded_over_all_attempts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training.worker.news, "MOST_LOG_LINES", 3)
    a_job(store, "ada", "p")
    job = claimed(store)
    kept: list[str] = []
    for lines in (["a", "b"], ["c", "d", "e"], ["f"]):
        news, fields = news_of(job, {}, [], lines)
        kept += [line for item in news for line in item.data["lines"]]
        job = store.job_runs.beat(job, fields, [], lines, events=len(news)) or job
    assert kept == ["a", "b", "c", LOG_ENDS]
    assert job.log == ("a", "b", "c", "d", "e", "f")


def test_progress_is_told_in_bounded_steps(store: Store) -> None:
    a_job(store, "ada", "p")
    job = claimed(store)
    assert news_of(job, {"progress": 0.001, "eta_seconds": 9.0}, [], [])[0] == []
    (news,), _ = news_of(job, {"progress": 0.01, "eta_seconds": 9.0}, [], [])
    expected = {"attempt": 1, "epoch": 0, "epochs": 3, "progress": 0.01, "eta_seconds": 9.0}
    assert news == News("progress", expected)


def test_events_go_with_their_project_and_those_of_no_job_are_swept(store: Store) -> None:
    job = a_job(store, "ada", "p")
    running = claimed(store)
    beat(store, running, News("log", {"lines": ["a"]}))
    store.job_runs.fail(running, "no")
    store.delete_project(job.project_id)
    assert store.database["job_events"].count_documents({}) == 0
    store.job_events.add(ObjectId(), [Event("log", {"lines": []}, 1, LONG_AGO)])
    assert sweep(store)["events"] == 1
    assert store.database["job_events"].count_documents({}) == 0
