"""Tables of projects: which one counts, and which ones stay."""

from __future__ import annotations

import dataclasses
import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from bson import ObjectId

from settings import Settings
from storage.checks.check import Look
from storage.checks.inspection import inspect
from storage.checks.registry import CHECKS
from storage.files import StoredFile
from storage.project import Project
from storage.store import Store
from storage.sweeper import sweep
from storage.tables import Table
from tests.storage.test_sweeper import AT_ONCE, NONE
from utils import ChangedMeanwhile, NotFound, utc_now


@pytest.fixture
def project(store: Store) -> Project:
    return store.projects.create(store.users.create("ada", b"long enough"), "rows", "tabular")


def made(store: Store, project: Project, name: str = "a.csv") -> Table:
    """A table whose files are stored, and which is not placed."""
    files = [store.artifacts.put(io.BytesIO(f"{name} {number}".encode()), name) for number in range(3)]
    columns = ({"name": "a.$b", "type": "number", "date_format": None},)
    return Table(ObjectId(), project.id, ObjectId(), name, "csv", 3, 9, "digest", columns, {"target": None}, *files)


def test_the_table_that_came_last_is_the_projects(store: Store, project: Project):
    assert store.tables.current(project.id) is None
    first = store.tables.place(made(store, project))
    assert store.tables.current(project.id) == first
    second = store.tables.place(made(store, project))
    assert store.tables.current(project.id) == second
    with pytest.raises(NotFound):
        store.tables.get(first.id)
    assert store.database["artifacts.files"].count_documents({}) == 3
    assert sweep(store, AT_ONCE) == NONE


def test_of_many_that_come_at_once_one_is_left(store: Store, project: Project):
    tables = [made(store, project, f"{number}.csv") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(store.tables.place, tables))
    current = store.tables.current(project.id)
    assert current
    assert current.id in {table.id for table in tables}
    sweep(store, AT_ONCE)
    assert store.tables.current(project.id) == current
    assert store.database["tables"].count_documents({}) == 1
    assert store.database["artifacts.files"].count_documents({}) == 3


def test_settings_are_changed_by_who_has_read_them(store: Store, project: Project):
    table = store.tables.place(made(store, project))
    changed = store.tables.change(table, {"target": "a.$b"}, [{"name": "a.$b", "code": "odd", "message": "…"}])
    assert (changed.revision, changed.settings, changed.findings[0]["name"]) == (2, {"target": "a.$b"}, "a.$b")
    with pytest.raises(ChangedMeanwhile):
        store.tables.change(table, {"target": None}, [])
    store.tables.place(made(store, project))
    with pytest.raises(ChangedMeanwhile):
        store.tables.change(changed, {"target": None}, [])


def test_what_an_interrupted_replacement_leaves_is_swept(store: Store, project: Project, settings: Settings):
    old = store.tables.place(made(store, project))
    new = dataclasses.replace(made(store, project), number=2)
    row = store.database["tables"].find_one({"_id": old.id}) or {}
    later = {"_id": new.id, "number": 2, "file": {"file_id": new.file.id, "sha256": new.file.sha256, "size": 7}}
    files = {name: {"file_id": f.id, "sha256": f.sha256, "size": f.size} for name, f in _files(new).items()}
    store.database["tables"].insert_one({**row, **later, **files})
    assert store.tables.current(project.id).id == new.id
    look = Look(store, settings, utc_now() - AT_ONCE)
    found = [finding.where for r in inspect(look, CHECKS, False, lambda _: None) for finding, _ in r.open]
    assert found == [f"table {old.id}: another one has replaced it, and no job and no version keeps it"]
    assert sweep(store, AT_ONCE) == {**NONE, "old_tables": 1}
    assert store.tables.current(project.id).id == new.id
    assert sweep(store, AT_ONCE) == NONE


def _files(table: Table) -> dict[str, StoredFile]:
    return {"file": table.file, "rows_file": table.rows_file, "profile": table.profile}


def test_a_table_that_a_job_names_stays_until_its_project_goes(store: Store, project: Project):
    first = store.tables.place(made(store, project))
    job = store.jobs.create(project, {}, 1)
    store.tables.keep(first.id, job.id)
    store.tables.place(made(store, project))
    assert store.tables.get(first.id).files == first.files
    assert sweep(store, AT_ONCE) == NONE
    store.tables.withdraw(project.id)
    assert store.tables.current(project.id) is None
    assert store.tables.get(first.id)
    third = store.tables.place(made(store, project))
    assert store.tables.current(project.id) == third
    store.delete_project(project.id)
    assert store.database["tables"].count_documents({}) == 0
    assert store.database["artifacts.files"].count_documents({}) == 0


def test_a_table_of_a_deleted_project_is_swept(store: Store, project: Project):
    store.tables.place(made(store, project))
    store.projects.delete(project.id)
    assert sweep(store, AT_ONCE) == {**NONE, "contents": 1}
    assert store.database["tables"].count_documents({}) == 0


def test_a_lost_file_of_a_table_is_found(store: Store, project: Project, settings: Settings):
    table = store.tables.place(made(store, project))
    store.artifacts.delete(table.rows_file.id)
    look = Look(store, settings, utc_now() - AT_ONCE)
    found = [finding.where for r in inspect(look, CHECKS, False, lambda _: None) for finding, _ in r.open]
    assert f"the rows of table {table.id} of project 'rows': its file is lost or has another length" in found
