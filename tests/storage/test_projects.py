"""Class lists whose annotations keep their meaning, and which model a project serves."""

from __future__ import annotations

import pytest
from bson import ObjectId

from storage.projects import Project
from storage.store import Store
from storage.users import User
from utils import Conflict, Forbidden, NotFound


@pytest.fixture
def user(store: Store) -> User:
    return store.users.create("ada", b"long enough")


@pytest.fixture
def project(store: Store, user: User) -> Project:
    return store.projects.set_classes(store.projects.create(user, "pets", "detection"), ("cat", "dog"))


def test_a_class_keeps_its_id_whatever_the_order(store: Store, project: Project):
    ids = dict(zip(project.classes, project.class_ids, strict=True))
    after = store.projects.set_classes(project, ("fox", "dog", "cat"))
    assert dict(zip(after.classes, after.class_ids, strict=True)) == {**ids, "fox": 2}


def test_a_class_that_left_is_remembered_and_gets_its_id_back(store: Store, project: Project):
    without = store.projects.set_classes(project, ("dog",))
    assert (without.classes, without.retired) == (("dog",), {0: "cat"})
    assert without.class_name(0) == "cat"
    again = store.projects.set_classes(without, ("dog", "cat"))
    assert (again.class_ids, again.retired) == ((1, 0), {})


def test_an_id_is_never_given_twice(store: Store, project: Project):
    for name in ("a", "b", "c"):
        project = store.projects.set_classes(project, (name,))
    assert project.class_ids == (4,)
    assert project.retired == {0: "cat", 1: "dog", 2: "a", 3: "b"}


def test_a_change_on_an_old_reading_is_decided_again(store: Store, project: Project):
    store.projects.set_classes(project, ("cat", "dog", "fox"))
    after = store.projects.set_classes(project, ("wolf", "fox"))
    assert dict(zip(after.classes, after.class_ids, strict=True)) == {"wolf": 3, "fox": 2}


def test_ownership_is_decided_in_one_place(store: Store, user: User, project: Project):
    grace = store.users.create("grace", b"long enough")
    assert store.projects.named("pets", user).id == project.id
    with pytest.raises(Forbidden):
        store.projects.named("pets", grace)
    with pytest.raises(NotFound):
        store.projects.named("pets", grace, private=True)
    with pytest.raises(NotFound):
        store.projects.named("dogs", user)


def test_only_a_newer_model_takes_over(store: Store, project: Project):
    second, third = ObjectId(), ObjectId()
    with pytest.raises(NotFound, match="no trained model"):
        _ = project.served_model_id
    assert store.projects.serve(project.id, second, 2)
    assert not store.projects.serve(project.id, ObjectId(), 1)
    assert store.projects.refresh(project).served_model_id == second
    assert store.projects.serve(project.id, third, 3)
    assert store.projects.refresh(project).served_model_id == third


def test_publishing_needs_a_model_and_withdrawing_none(store: Store, project: Project):
    store.projects.publish(project, False)
    with pytest.raises(Conflict):
        store.projects.publish(project, True)
    with pytest.raises(NotFound):
        store.projects.published("pets")
    store.projects.serve(project.id, ObjectId(), 1)
    store.projects.publish(project, True)
    assert store.projects.published("pets").id == project.id


def test_a_project_deleted_meanwhile_is_not_found(store: Store, project: Project):
    store.projects.delete(project.id)
    for act in (
        lambda: store.projects.set_classes(project, ("x",)),
        lambda: store.projects.publish(project, True),
        lambda: store.projects.refresh(project),
    ):
        with pytest.raises(NotFound):
            act()
