"""Projects whose changes are told, and what tells them, with short waits."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from notifications.dispatcher import Bounds, Dispatcher
from notifications.events import ALL_EVENTS
from notifications.notifier import Notifier
from notifications.posting import Poster
from notifications.receivers import Receivers
from notifications.signatures import new_secret
from notifications.teller import Teller
from notifications.webhooks import WebhookSender
from settings import Settings
from storage.job import Job
from storage.projects import Project
from storage.store import Store
from storage.webhooks import Webhook
from tests.notifications.receivers import Receiver, receiver

WAITS = (0.05, 0.1, 0.2, 0.2, 0.2, 0.2, 0.2)
EVENTS = tuple(event.value for event in ALL_EVENTS)
LOOK_SECONDS = 0.02
QUICK = Bounds(waits=WAITS)


@pytest.fixture
def settings(session_settings: Settings) -> Settings:
    """The operator allows receivers on this machine."""
    return dataclasses.replace(session_settings, webhook_private=True, public_url="https://diyml.example/")


@pytest.fixture
def inbox() -> Iterator[Receiver]:
    """A receiver that takes everything."""
    with receiver() as server:
        yield server


@pytest.fixture
def inboxes() -> Iterator[Callable[[], Receiver]]:
    """Makes more of them."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(receiver())


def a_project(store: Store, name: str = "fruit", owner: str = "ada") -> Project:
    user = store.users.find(owner) or store.users.create(owner, b"long enough")
    return store.projects.create(user, name, "classification")


def a_webhook(store: Store, project: Project, url: str, events: tuple[str, ...] = EVENTS) -> Webhook:
    return store.webhooks.create(project, url, events, new_secret())


def a_failed_job(store: Store, project: Project, reason: str = "no images") -> Job:
    """A job with three changes to tell: queued, running, failed."""
    store.jobs.create(project, {}, 1)
    job = store.job_runs.claim("w")
    assert job
    assert store.job_runs.fail(job, reason)
    return job


def posting_dispatcher(
    store: Store,
    settings: Settings,
    stop: threading.Event,
    bounds: Bounds,
    whole_seconds: float = 5.0,
) -> Dispatcher:
    """A dispatcher of webhooks as a worker has one."""
    poster = Poster(Receivers(settings.webhook_private), whole_seconds=whole_seconds)
    return Dispatcher(store.webhook_lanes, store.deliveries, WebhookSender(store, poster), stop, bounds)


@contextmanager
def telling(
    store: Store,
    settings: Settings,
    workers: int = 1,
    bounds: Bounds = QUICK,
    whole_seconds: float = 5.0,
) -> Iterator[list[Dispatcher]]:
    """As many notifiers as workers would have, at work."""
    stop = threading.Event()
    dispatchers = [posting_dispatcher(store, settings, stop, bounds, whole_seconds) for _ in range(workers)]
    notifiers = [Notifier(Teller(store, settings), [one], stop, LOOK_SECONDS) for one in dispatchers]
    for notifier in notifiers:
        notifier.thread.start()
    try:
        yield dispatchers
    finally:
        stop.set()
        for notifier in notifiers:
            notifier.thread.join()
