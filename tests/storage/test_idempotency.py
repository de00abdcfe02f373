from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from storage.idempotency import Answer, Claim
from storage.job import Job
from storage.store import Store
from utils import Conflict, KeyReused

ADA = ObjectId()
ANSWER = Answer(202, b'{"a": 1}\n', {"Content-Type": "application/json", "Location": "/there"})


def claim(store: Store, fingerprint: str = "f") -> Claim:
    return store.idempotency.claim(ADA, "k", fingerprint)


def test_a_key_is_claimed_once_however_many_ask_at_once(store: Store):
    def attempt(_: int) -> int:
        try:
            claim(store)
        except Conflict as error:
            return error.retry_after_seconds
        return 0

    with ThreadPoolExecutor(8) as threads:
        waits = sorted(threads.map(attempt, range(32)))
    assert waits.count(0) == 1
    assert max(waits) <= 60


def test_the_answer_that_was_kept_is_given_as_it_was(store: Store):
    store.idempotency.keep(claim(store), ANSWER)
    assert claim(store).answer == ANSWER
    with pytest.raises(KeyReused):
        claim(store, "g")


def test_a_claim_whose_lease_has_run_out_may_be_taken_by_the_same_request_only(store: Store):
    first = claim(store)
    store.idempotency.release(first)  # which ends the lease
    with pytest.raises(KeyReused):
        claim(store, "g")
    second = claim(store)
    assert (second.record, second.answer) == (first.record, None)
    assert second.holder != first.holder
    with pytest.raises(Conflict, match="still under way"):
        claim(store)


def test_whoever_lost_its_claim_changes_nothing_any_more(store: Store):
    late = claim(store)
    store.idempotency.release(late)
    store.idempotency.keep(claim(store), ANSWER)
    store.idempotency.keep(late, Answer(500, b""))
    store.idempotency.release(late)
    store.idempotency.forget(late)
    assert claim(store).answer == ANSWER


def test_a_forgotten_key_is_a_new_one(store: Store):
    first = claim(store)
    store.idempotency.forget(first)
    assert claim(store, "g").record != first.record


def test_the_database_itself_holds_one_record_a_key(store: Store):
    claim(store)
    with pytest.raises(DuplicateKeyError):
        store.database["idempotency"].insert_one({"user_id": ADA, "key": "k"})


def test_keys_are_gone_after_a_day(store: Store):
    indexes = store.database["idempotency"].index_information().values()
    assert [index["expireAfterSeconds"] for index in indexes if index["key"] == [("created_at", 1)]] == [86_400]
    claim(store)
    assert store.database["idempotency"].find_one()["created_at"] is not None


def test_one_request_makes_one_job_however_often_it_is_made(store: Store):
    user = store.users.create("ada", b"long enough")
    project = store.projects.create(user, "p", "classification")

    def make(_: int) -> Job:
        return store.jobs.create(project, {}, 1, request_key="request")

    with ThreadPoolExecutor(8) as threads:
        made = {job.id for job in threads.map(make, range(8))}
    store.jobs.cancel(*made)
    assert {make(0).id} == made
    with pytest.raises(Conflict, match="is taken"):
        store.projects.create(user, "p", "classification", "request")
