"""One user who wants everything at once, and another who wants one training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from bson import ObjectId

from storage.store import Store
from tests.conftest import wait_until
from tests.faults.conftest import Platform
from tests.faults.invariants import check
from tests.faults.runs import Run

pytestmark = pytest.mark.long

POSTS = 1000
PROJECTS = 60
THREADS = 8
MOST_QUEUED = 20


@pytest.fixture
def store(platform: Platform) -> Iterator[Store]:
    """The database of the platform."""
    store = platform.store()
    yield store
    store.close()


def test_a_user_who_posts_a_thousand_trainings_is_bounded_and_delays_another_by_one_at_most(
    platform: Platform, store: Store, run: Run
) -> None:
    greedy, modest = platform.sign_up("greedy"), platform.sign_up("modest")
    for number in range(PROJECTS):
        platform.fill(f"greedy{number}", 4, api_token=greedy)
    platform.fill("modest", 4, api_token=modest)
    projects = [f"greedy{run.random.randrange(PROJECTS)}" for _ in range(run.sized(POSTS))]
    half = len(projects) // 2
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda project: _post(platform, store, greedy, project), projects[:half]))
        ours = platform.call("POST", "/api/v1/jobs", api_token=modest, project_name="modest", params={"epochs": 1})
        assert ours.status_code == 202, ours.text
        answers += list(pool.map(lambda project: _post(platform, store, greedy, project), projects[half:]))
    job_id = ObjectId(ours.json()["job_id"])
    wait_until(lambda: store.jobs.get(job_id).started_at, 120)
    others = _started_before(store, job_id)
    statuses = Counter(status for status, _ in answers)
    most = max(queued for _, queued in answers)
    run.tell(f"{len(answers)} trainings posted by one user: {dict(statuses)}, at most {most} queued at a time")
    run.tell(f"another user's job started after {others} of them")
    assert set(statuses) <= {202, 409, 429}
    assert statuses[429]
    assert most <= MOST_QUEUED
    assert others <= 1
    _cancel_all(platform, store, greedy)
    check(store)


def _post(platform: Platform, store: Store, token: str, project: str) -> tuple[int, int]:
    """Status of the answer, and how many are queued then."""
    params = {"epochs": 1, "image_size": 32}
    answer: requests.Response = platform.call(
        "POST", "/api/v1/jobs", api_token=token, project_name=project, params=params
    )
    if answer.status_code == 429:
        assert "queued trainings" in answer.json()["detail"]
        assert int(answer.headers["Retry-After"]) > 0
    return answer.status_code, store.database["jobs"].count_documents({"state": "queued", "owner_id": _owner(store)})


def _owner(store: Store) -> ObjectId:
    user = store.users.find("greedy")
    assert user
    return user.id


def _started_before(store: Store, job_id: ObjectId) -> int:
    """How many of the greedy user's trainings began between this job's wish and its start."""
    job = store.jobs.get(job_id)
    span = {"$gt": job.created_at, "$lt": job.started_at}
    return store.database["jobs"].count_documents({"owner_id": _owner(store), "started_at": span})


def _cancel_all(platform: Platform, store: Store, token: str) -> None:
    for row in store.database["jobs"].find({"owner_id": _owner(store), "active": True}, {"_id": 1}):
        assert platform.call("POST", f"/api/v1/jobs/{row['_id']}/cancel", api_token=token).status_code == 200
    wait_until(lambda: not store.database["jobs"].count_documents({"active": True}), 60)
