from __future__ import annotations

from datasets.capture import capture, read
from storage.store import Store
from tests.conftest import Caller, picture


def test_a_snapshot_holds_classes_and_images_by_name(caller: Caller, store: Store):
    caller.project("cells", "detection", "red|white")
    caller.place("cells", "b", "white 0.5 0.5 0.1 0.1", picture(40, 20, seed=1))
    caller.place("cells", "a", "", picture(seed=2))
    user = store.users.find("ada")
    assert user
    taken = capture(store, store.projects.named("cells", user))
    assert (taken.project_type, taken.classes) == ("detection", ("red", "white"))
    assert [image.name for image in taken.images] == ["a", "b"]
    annotation = taken.images[1].annotations[0]
    assert (annotation.class_index, annotation.box) == (1, (0.5, 0.5, 0.1, 0.1))
    assert (taken.images[1].width, taken.images[1].height) == (40, 20)
    assert taken.unlabelled == ["a"]


def test_annotations_follow_their_class_and_removed_classes_are_counted_by_image(caller: Caller, store: Store):
    caller.project("cells", "detection", "red|white|plate")
    caller.place("cells", "a", "0 0.5 0.5 0.1 0.1|0 0.2 0.2 0.1 0.1|2 0.5 0.5 0.1 0.1", picture(seed=1))
    caller.call("PUT", "/upload/class_info", project_name="cells", class_info="plate|white")
    user = store.users.find("ada")
    assert user
    taken = capture(store, store.projects.named("cells", user))
    assert [annotation.class_index for annotation in taken.images[0].annotations] == [0]
    assert taken.unknown == (("red", 1),)


def test_an_image_whose_class_left_the_list_is_not_said_to_have_no_label(caller: Caller, store: Store):
    caller.project("pets", classes="cat|dog")
    caller.place("pets", "a", "cat")
    caller.place("pets", "b", "")
    caller.call("PUT", "/upload/class_info", project_name="pets", class_info="dog")
    user = store.users.find("ada")
    assert user
    taken = capture(store, store.projects.named("pets", user))
    assert (taken.unlabelled, taken.unknown) == (["b"], (("cat", 1),))


def test_a_class_added_after_the_project_was_read_is_known(caller: Caller, store: Store):
    caller.project("pets", classes="cat")
    user = store.users.find("ada")
    assert user
    before = store.projects.named("pets", user)
    caller.call("PUT", "/upload/class_info", project_name="pets", class_info="cat|dog")
    caller.place("pets", "a", "dog")
    assert capture(store, before).classes == ("cat", "dog")


def test_a_project_deleted_meanwhile_has_no_images(caller: Caller, store: Store):
    caller.project("pets", classes="cat")
    caller.place("pets", "a", "cat")
    user = store.users.find("ada")
    assert user
    project = store.projects.named("pets", user)
    store.projects.delete(project.id)
    assert read(store, project) == (project, [])
