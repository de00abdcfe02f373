"""Leases of imports: whose turn it is, how often one is tried, and what a lost process may still write."""

from __future__ import annotations

from bson import ObjectId

from datasets.imports.options import ImportOptions
from storage.import_record import Import, ImportState
from storage.store import Store


def queued(store: Store, owner_id: ObjectId, project_id: ObjectId | None = None) -> Import:
    record = store.imports.create(project_id or ObjectId(), owner_id, 3, "", ImportOptions().to_row())
    return store.imports.append(record, [store.imports.put_piece(0, b"abc")])


def test_users_take_turns(store: Store):
    ada, grace = ObjectId(), ObjectId()
    of_ada = [queued(store, ada) for _ in range(3)]
    of_grace = [queued(store, grace) for _ in range(2)]
    claimed = []
    while record := store.import_runs.claim("w"):
        claimed.append(record.id)
        assert store.import_runs.end(record, ImportState.SUCCEEDED, None, None, {})
    turns = [record.id for pair in zip(of_ada, of_grace, strict=False) for record in pair]
    assert claimed == [*turns, of_ada[2].id]


def test_an_import_is_tried_three_times(store: Store):
    queued(store, ObjectId())
    for attempt in range(1, 4):
        record = store.import_runs.claim("w")
        assert record
        assert record.attempt == attempt
        assert store.import_runs.release(record, "the process that imported was lost")
        # What a lost process still writes is refused.
        assert not store.import_runs.note(record, {"done": 5})
        assert store.import_runs.beat(record) is None
        assert not store.import_runs.advance(record, {"done": 5}, [])
        assert not store.import_runs.end(record, ImportState.SUCCEEDED, None, None, {})
    record = store.imports.get(record.id)
    assert (record.state, record.done) == (ImportState.FAILED, 0)
    assert record.error == "the process that imported was lost (tried 3 times)"
    assert store.import_runs.claim("w") is None


def test_a_released_import_that_somebody_cancelled_ends(store: Store):
    record = queued(store, ObjectId())
    running = store.import_runs.claim("w")
    assert running
    store.imports.cancel(record.id)
    assert store.imports.get(record.id).cancel_requested
    assert store.import_runs.release(running, "stopped", counts=False)
    assert store.imports.get(record.id).state is ImportState.CANCELLED
