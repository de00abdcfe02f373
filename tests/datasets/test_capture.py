from __future__ import annotations

from datasets.capture import capture, read
from datasets.looks import with_looks
from datasets.snapshot import SnapshotImage
from storage.store import Store
from tests.conftest import Caller, picture
from tests.datasets.pictures import look


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
    assert taken.unlabelled == []  # to say of a detector's image that it has no label is to say that it shows nothing


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


def test_a_snapshot_knows_what_is_fixed_what_is_grouped_and_what_pictures_look_like(caller: Caller, store: Store):
    caller.project("pets", classes="cat|dog")
    caller.place("pets", "cat_1.png", "cat", picture(seed=1))
    caller.place("pets", "dog.png", "dog", picture(seed=2))
    store.database["projects"].update_one({}, {"$set": {"group_pattern": "^([a-z]+)_"}})
    store.database["images"].update_one({"name": "dog.png"}, {"$set": {"split": "test", "tags": ["group:7", "old"]}})
    user = store.users.find("ada")
    assert user
    taken = capture(store, store.projects.named("pets", user))
    assert [(image.split, image.groups) for image in taken.images] == [("", ("name:cat",)), ("test", ("group:7",))]
    assert [image.look for image in taken.images] == [look(picture(seed=1)), look(picture(seed=2))]


def test_images_of_an_earlier_version_are_looked_at_once_and_keep_it(caller: Caller, store: Store):
    caller.project("pets", classes="cat|dog")
    for seed in range(3):
        caller.place("pets", f"{seed}.png", "cat", picture(seed=seed))
    store.database["images"].update_many({}, {"$unset": {"perceptual_hash": "", "thumbnail": ""}})
    user = store.users.find("ada")
    assert user
    project = store.projects.named("pets", user)
    files = {image.sha256: picture(seed=seed) for seed, image in enumerate(capture(store, project).images)}
    before = [image.revision for image in store.images.list_all(project.id)]

    def read_file(image: SnapshotImage) -> bytes:
        return files[image.sha256]

    assert len([1 for image in with_looks(store, capture(store, project), read_file, most=2).images if image.look]) == 2
    looked_at = with_looks(store, capture(store, project), read_file)
    assert [image.look for image in looked_at.images] == [look(content) for content in files.values()]
    assert [image.look for image in capture(store, project).images] == [look(content) for content in files.values()]
    assert [image.revision for image in store.images.list_all(project.id)] == before
