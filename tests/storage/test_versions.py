"""Versions of a dataset: what they name stays stored, and only as long as one of them does."""

from __future__ import annotations

import io
import threading

import pytest
from bson import ObjectId

from datasets.image_versions import stored_contents
from datasets.versions import freeze, thawed
from settings import Settings
from storage.checks.check import Look, check
from storage.checks.files import every_file_that_is_referred_to_is_there_in_its_length
from storage.checks.inspection import inspect
from storage.images import StoredAnnotation
from storage.kept_files import KeptFiles
from storage.leftovers import LEFTOVERS
from storage.projects import Project
from storage.store import Store
from storage.sweeper import sweep
from storage.users import User
from tests.storage.test_sweeper import AT_ONCE, HEADER
from utils import Conflict, NotFound, utc_now

NONE = {kind.name: 0 for kind in LEFTOVERS}


@pytest.fixture
def user(store: Store) -> User:
    return store.users.create("ada", b"long enough")


@pytest.fixture
def project(store: Store, user: User) -> Project:
    project = store.projects.create(user, "pets", "classification")
    project = store.projects.set_classes(project, ("cat", "dog"))
    for name in ("a", "b"):
        place(store, project, name)
    return project


def place(store: Store, project: Project, name: str, content: str = "") -> None:
    file = store.image_files.put(io.BytesIO((content or name).encode()), name)
    store.images.place(project.id, name, file, HEADER, (StoredAnnotation(1, by_name=True),))


def files(store: Store) -> set[bytes]:
    return {store.image_files.read(row["_id"]) for row in store.database["images.files"].find()}


def test_a_version_holds_what_the_project_held(store: Store, project: Project, user: User):
    store.database["images"].update_one({"name": "a"}, {"$set": {"split": "test", "tags": ["x", "y"]}})
    version = freeze(store, project, user, "first", "words")
    assert (version.version, version.name, version.created_by) == (1, "first", "ada")
    assert (version.images, version.labelled, version.classes) == (2, 2, ("cat", "dog"))
    assert version.splits == {"test": 1}
    frozen = thawed(store, project, version)
    assert [(i.name, i.split, i.tags) for i in frozen.images] == [("a", "test", ("x", "y")), ("b", "", ())]
    assert frozen.images[0].annotations == (StoredAnnotation(1, by_name=True),)
    assert frozen.snapshot().digest() == version.digest


def test_images_that_are_deleted_or_replaced_stay_stored_for_the_version(store: Store, project: Project, user: User):
    version = freeze(store, project, user)
    store.images.delete(project.id, "a")
    place(store, project, "b", "other")
    assert files(store) == {b"a", b"b", b"other"}
    contents = stored_contents(store, project.id)
    assert {image.sha256 for image in thawed(store, project, version).images} <= set(contents)
    assert sweep(store, AT_ONCE) == NONE
    store.delete_version(version)
    assert files(store) == {b"other"}
    assert sweep(store, AT_ONCE) == NONE
    assert store.database["kept_files"].count_documents({}) == 0


def test_what_another_version_or_an_image_names_stays_when_a_version_goes(store: Store, project: Project, user: User):
    first = freeze(store, project, user)
    store.images.delete(project.id, "a")
    second = freeze(store, project, user)
    assert (second.version, second.images) == (2, 1)
    store.images.delete(project.id, "b")
    store.delete_version(first)
    assert files(store) == {b"b"}
    store.delete_version(second)
    assert files(store) == set()


def test_the_number_of_a_deleted_version_never_comes_to_mean_other_data(store: Store, project: Project, user: User):
    store.delete_version(freeze(store, project, user))
    assert freeze(store, project, user).version == 2


def test_an_image_deleted_while_it_is_frozen_is_in_no_version_or_whole(
    store: Store, project: Project, user: User, monkeypatch: pytest.MonkeyPatch
):
    keep = KeptFiles.keep

    def meanwhile(self: KeptFiles, *arguments: object) -> None:
        if len(store.images.ids(project.id)) == 2:
            store.images.delete(project.id, "a")
        keep(self, *arguments)

    monkeypatch.setattr(KeptFiles, "keep", meanwhile)
    version = freeze(store, project, user)
    assert [image.name for image in thawed(store, project, version).images] == ["b"]
    assert files(store) == {b"b"}
    assert sweep(store, AT_ONCE) == NONE


def test_images_that_keep_changing_are_refused_and_nothing_is_left(
    store: Store, project: Project, user: User, monkeypatch: pytest.MonkeyPatch
):
    keep, turns = KeptFiles.keep, iter(range(100))

    def meanwhile(self: KeptFiles, *arguments: object) -> None:
        keep(self, *arguments)
        place(store, project, "a", f"content {next(turns)}")

    monkeypatch.setattr(KeptFiles, "keep", meanwhile)
    with pytest.raises(Conflict, match="kept changing"):
        freeze(store, project, user)
    assert store.versions.project_ids() == store.kept_files.project_ids() == []
    assert len(files(store)) == 2


def test_versions_frozen_and_images_replaced_at_once_have_no_holes(store: Store, project: Project, user: User):
    done = threading.Event()

    def replace() -> None:
        for turn in range(60):
            place(store, project, "a", f"content {turn}")
            if turn % 7 == 0:
                store.images.delete(project.id, "a")
        done.set()

    thread = threading.Thread(target=replace)
    thread.start()
    versions = []
    while not done.is_set():
        try:
            versions.append(freeze(store, project, user))
        except Conflict:
            continue
    thread.join()
    versions.append(freeze(store, project, user))
    assert [version.version for version in versions] == list(range(1, len(versions) + 1))
    for version in versions:
        for image in thawed(store, project, version).images:
            assert store.image_files.read(image.file_id)
    assert sweep(store, AT_ONCE) == NONE


def test_a_version_that_was_cut_short_is_swept(store: Store, project: Project, user: User):
    freeze(store, project, user)
    store.kept_files.keep(project.id, ObjectId(), [store.image_files.put(io.BytesIO(b"x"), "x")])
    assert sweep(store, AT_ONCE) == {**NONE, "kept_lists": 1}
    assert files(store) == {b"a", b"b"}


def test_versions_go_with_their_project(store: Store, project: Project, user: User):
    freeze(store, project, user)
    store.images.delete(project.id, "a")
    store.delete_project(project.id)
    for name in ("dataset_versions", "kept_files", "images.files", "artifacts.files"):
        assert store.database[name].count_documents({}) == 0, name
    with pytest.raises(NotFound):
        freeze(store, project, user)
    assert sweep(store, AT_ONCE)["contents"] == 0


def test_a_version_whose_file_is_damaged_is_not_read(store: Store, project: Project, user: User):
    version = freeze(store, project, user)
    damage = {"$set": {"data": b"x" * version.file.size}}
    store.database["artifacts.chunks"].update_one({"files_id": version.file.id}, damage)
    with pytest.raises(Conflict, match="version 1 of the dataset cannot be read"):
        thawed(store, project, version)


def test_a_file_that_only_a_version_names_is_checked_too(
    store: Store, settings: Settings, project: Project, user: User
):
    version = freeze(store, project, user)
    kept = store.images.get(project.id, "a").file_id
    store.images.delete(project.id, "a")
    assert found(store, settings) == []
    store.image_files.delete(kept)
    store.artifacts.delete(version.file.id)
    assert found(store, settings) == [
        "an image of a version of the dataset of project 'pets': its file is lost or has another length",
        "dataset version 1 of project 'pets': its file is lost or has another length",
    ]


def found(store: Store, settings: Settings) -> list[str]:
    look = Look(store, settings, utc_now())
    rule = check(every_file_that_is_referred_to_is_there_in_its_length)
    return [finding.where for result in inspect(look, [rule], False, lambda _: None) for finding, _ in result.open]
