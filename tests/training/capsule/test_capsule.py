"""A project goes to another installation in one file: all of it, or nothing."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from datasets.versions import freeze, thawed
from inference.engine import LocalEngine
from settings import Settings
from storage.checks.check import Look
from storage.checks.inspection import inspect
from storage.checks.registry import CHECKS
from storage.job_events import Event
from storage.job_record import DatasetRecord
from storage.leftovers import LEFTOVERS
from storage.projects import Project
from storage.store import Store
from storage.sweeper import sweep
from storage.users import User
from tests.conftest import Caller, picture
from tests.inference.models import store_brightness_model
from tests.storage.test_sweeper import AT_ONCE
from tests.training.capsule.archives import assert_refused, capsule_of, entries_of, packed, taken, with_document
from training.capsule.documents import MANIFEST
from training.capsule.opening import open_capsule
from utils import Conflict, InvalidInput, utc_now

NOTHING = {kind.name: 0 for kind in LEFTOVERS}


@pytest.fixture
def project(caller: Caller, store: Store) -> Project:
    """A project with everything that a capsule holds."""
    caller.project("pets", classes="cat|dog|bright|dark")
    for seed, name in enumerate(("a.png", "b 猫.png", "c.png", "same as c")):
        label = "bright" if seed % 2 else "dark"
        assert caller.place("pets", name, label, picture(seed=min(seed, 2))).status_code == 200
    caller.call("PUT", "/upload/class_info", project_name="pets", class_info="bright|dark|dog")
    ada = store.users.find("ada")
    assert ada
    project = store.projects.named("pets", ada)
    freeze(store, project, ada, "first", "words")
    store.images.delete(project.id, "a.png")
    freeze(store, project, ada)
    store.database["images"].update_one({"name": "c.png"}, {"$set": {"split": "test", "tags": ["x"]}})
    models = [store_brightness_model(store, project) for _ in range(2)]
    for model in models:
        record(store, model.job_id)
    failed = store.jobs.create(project, {"epochs": 3}, 3, started_by="ada", dataset_version=1)
    claimed = store.job_runs.claim("a machine with a name")
    assert claimed
    assert store.job_runs.beat(claimed, {"epoch": 1}, [{"epoch": 1, "loss": float("nan")}], ["one", "two"])
    store.job_events.add(failed.id, [Event("log", {"lines": ["one", "two"]}, 3, utc_now())])
    assert store.job_runs.fail(claimed, "out of patience")
    store.jobs.create(project, {}, 1)
    image = store.images.get(project.id, "c.png")
    said = {"description": "Bright?", "licence": "MIT", "example_id": image.id}
    return store.serving.publish(project, said, models[0], "ada")


def record(store: Store, job_id: Any) -> None:
    file = store.artifacts.put(io.BytesIO(b"packed"), "dataset.json.gz")
    kept = vars(DatasetRecord(file.id, file.sha256, file.size, "d" * 64, 1, 1))
    store.database["jobs"].update_one({"_id": job_id}, {"$set": {"dataset": kept}})


def test_a_project_is_the_same_on_another_installation(
    store: Store, project: Project, another: Store, another_settings: Settings, user: User, settings: Settings
):
    content = capsule_of(store, project)
    made = taken(another, content, user)
    again = entries_of(capsule_of(another, made))
    before = entries_of(content)
    assert set(again) == set(before)
    told = {path: entry for path, entry in before.items() if path not in (MANIFEST, "project.json")}
    assert {path: again[path] for path in told} == told
    first, second = (json.loads(entries["project.json"]) for entries in (before, again))
    assert second["publication"].pop("published") is False
    assert (first["publication"].pop("published"), first["publication"].pop("version")) == (True, 1)
    assert second["publication"].pop("version") is None
    assert first == second

    assert [version.version for version in another.versions.list_of(made.id, 5)] == [2, 1]
    assert len(thawed(another, made, another.versions.get(made.id, 1)).images) == 4
    owner = another.users.find("linus")
    assert owner
    assert freeze(another, made, owner).version == 3
    pictures = [picture(seed=seed) for seed in range(3)]
    engines = LocalEngine(store, settings), LocalEngine(another, another_settings)
    answers = [
        [engine.predict(where.served_model_id, one) for one in pictures]
        for engine, where in zip(engines, (project, made), strict=True)
    ]
    assert answers[0] == answers[1]
    for engine in engines:
        engine.close()
    assert sweep(another, AT_ONCE) == NOTHING
    look = Look(another, another_settings, utc_now())
    found = [finding.where for result in inspect(look, CHECKS, False, lambda _: None) for finding, _ in result.open]
    assert found == []


def test_a_capsule_holds_no_id_no_machine_and_no_token(store: Store, project: Project, caller: Caller):
    entries = entries_of(capsule_of(store, project))
    told = b"".join(content for path, content in entries.items() if path.endswith((".json", ".txt")))
    kinds = ("projects", "images", "models", "jobs", "users")
    ids = {str(row["_id"]) for kind in kinds for row in store.database[kind].find()}
    assert not [one for one in ids if one.encode() in told]
    assert b"a machine with a name" not in told
    assert caller.token.encode() not in told


def test_a_name_that_is_taken_is_told_and_another_may_be_given(store: Store, project: Project):
    content, owner = capsule_of(store, project), store.users.find("ada")
    assert owner
    with pytest.raises(Conflict, match="'pets' is taken"):
        taken(store, content, owner)
    assert taken(store, content, owner, "pets again").name == "pets again"
    with pytest.raises(InvalidInput, match="name"):
        taken(store, content, owner, "a/b")


def change_content(entries: dict[str, bytes]) -> dict[str, bytes]:
    path = next(path for path in entries if path.startswith("images/"))
    return {**entries, path: picture(seed=99)}


def no_image(entries: dict[str, bytes]) -> dict[str, bytes]:
    """An image that is none, with a hash that fits."""
    dataset = json.loads(entries["dataset.json"])
    content = b"<svg onload=alert(1)>"
    digest = hashlib.sha256(content).hexdigest()
    dataset["images"].append({**dataset["images"][0], "name": "x", "sha256": digest, "size": len(content)})
    return {**entries, "dataset.json": json.dumps(dataset).encode(), f"images/{digest}": content}


def document(path: str, change: Callable[[Any], None]) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    return lambda entries: with_document(entries, path, change)


HOSTILE: dict[str, tuple[Callable[[dict[str, bytes]], dict[str, bytes]], str]] = {
    "an image that is none": (no_image, "is none"),
    "a missing document": (lambda entries: {k: v for k, v in entries.items() if k != "dataset.json"}, "is missing"),
    "a field too many": (document("project.json", lambda d: d.update(owner_id="x")), "owner_id"),
    "an operator": (document("project.json", lambda d: d.update(name={"$ne": ""})), "name"),
    "an unknown type": (document("project.json", lambda d: d.update(type="x")), "project type"),
    "a bad name": (document("dataset.json", lambda d: d["images"][0].update(name="../x")), "name of a image"),
    "a name twice": (document("dataset.json", lambda d: d["images"].append(d["images"][0])), "twice"),
    "a class that is not there": (
        document("dataset.json", lambda d: d["images"][0]["labels"][0].update(class_id=77)), "there is not"
    ),
    "a box outside": (document("dataset.json", lambda d: d["images"][0]["labels"][0].update(box=[2, 0, 1, 1])), "box"),
    "another size": (document("dataset.json", lambda d: d["images"][0].update(width=7)), "is not as it is described"),
    "another digest": (document("versions/1.json", lambda d: d.update(digest="0" * 64)), "digest"),
    "a later format": (document(MANIFEST, lambda d: d.update(format=2)), "format"),
    "a card of nothing": (document("models/1.json", lambda d: d["card"].pop("classes")), "card"),
    "a model of no job": (document("models/1.json", lambda d: d.update(job=99)), "not the one of its job"),
    "a file name that climbs": (document("models/1.json", lambda d: d["files"][0].update(name="../x")), "name"),
    "no network": (lambda entries: {**entries, "models/1/model.onnx": b"\x08\x99 no network"}, "model version 1"),
    "a model from nowhere": (document("jobs/1.json", lambda d: d.update(model=55)), "not in it"),
    "a number too large": (document("jobs/1.json", lambda d: d["params"].update(seed=10**40)), "cannot be stored"),
    "a version not counted": (document("project.json", lambda d: d.update(versions_made=1)), "fewer versions"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_capsule_is_refused_and_leaves_nothing(
    store: Store, project: Project, another: Store, user: User, kind: str
):
    change, word = HOSTILE[kind]
    assert_refused(another, packed(change(entries_of(capsule_of(store, project)))), user, word)


def test_every_hash_is_checked(store: Store, project: Project, another: Store, user: User):
    entries = entries_of(capsule_of(store, project))
    with pytest.raises(InvalidInput, match=r"changed or damaged|another size"):
        taken(another, packed(change_content(entries), manifest=False), user)
    with pytest.raises(InvalidInput, match="other entries"):
        taken(another, packed({**entries, "more.txt": b""}, manifest=False), user)
    with pytest.raises(InvalidInput, match="no manifest"):
        taken(another, packed({k: v for k, v in entries.items() if k != MANIFEST}, manifest=False), user)


def test_half_a_project_is_swept(another: Store, user: User):
    another.restoring.begin(user, "half", "classification", {"classes": [], "retired": [], "created_at": utc_now()})
    assert sweep(another)["half_projects"] == 0
    assert sweep(another, AT_ONCE)["half_projects"] == 1
    assert another.database["projects"].count_documents({}) == 0


@pytest.mark.parametrize(
    ("archive", "word"),
    [
        (b"", "damaged or cut short"),
        (b"PK\5\6" + b"\xff" * 30, "directory"),
        (packed({"a": b"x" * 100}, manifest=False), "100 bytes unpacked, allowed are 50"),
        (packed({"../a": b"x"}, manifest=False), "'../a' in the archive"),
        (packed({"a": b"x"}, manifest=False)[:-30], "damaged or cut short"),
    ],
    ids=["empty", "directory", "too much", "elsewhere", "cut short"],
)
def test_an_archive_that_is_none_or_made_to_harm_is_refused(archive: bytes, word: str):
    with pytest.raises(InvalidInput, match=word):
        open_capsule(io.BytesIO(archive), 50)


def test_a_file_that_is_damaged_or_longer_than_it_says_is_refused():
    whole = packed({"a": b"content"}, manifest=False)
    files = open_capsule(io.BytesIO(whole.replace(b"content", b"CONTENT")), 50)
    with pytest.raises(InvalidInput, match="is damaged"):
        files.read("a", 7)
    with pytest.raises(InvalidInput, match="7 bytes, allowed are 3"):
        open_capsule(io.BytesIO(whole), 50).read("a", 3)
