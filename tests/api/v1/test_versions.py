from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from storage.store import Store
from tests.api.conftest import Pets
from tests.api.problems import assert_problem
from tests.conftest import Caller, picture
from tests.training.capsule.archives import entries_of

URL = "/api/v1/projects/pets/versions"


def ask(caller: Caller, method: str, path: str, **body: Any) -> TestResponse:
    headers = {"Authorization": f"Bearer {caller.token}"}
    given = {"query_string": body} if method == "GET" else {"json": body}
    return caller._client.open(path, method=method, headers=headers, **given)


def test_a_version_is_frozen_listed_described_and_deleted(caller: Caller, pets: Pets):
    made = ask(caller, "POST", URL, name="checked", description="all labels seen")
    assert made.status_code == 201
    assert made.headers["Location"] == f"/api/v1/projects/{pets.project.id}/versions/2"
    assert made.json.items() >= {"version": 2, "name": "checked", "images": 2, "labelled": 2, "jobs": 0}.items()
    assert made.json["classes"] == ["cat", "dog"]
    assert ask(caller, "GET", made.headers["Location"]).json == made.json
    first = ask(caller, "GET", URL, limit=1).json
    assert [item["version"] for item in first["items"]] == [2]
    assert [item["version"] for item in ask(caller, "GET", URL, cursor=first["next"]).json["items"]] == [1]
    changed = ask(caller, "PATCH", f"{URL}/2", name="better", description=None).json
    assert (changed["name"], changed["description"], changed["digest"]) == ("better", "", made.json["digest"])
    assert ask(caller, "DELETE", f"{URL}/2").status_code == 204
    assert_problem(ask(caller, "GET", f"{URL}/2"), 404, "no version 2")


@pytest.mark.parametrize("number", ["0", "x", "-1", "1.0", "9" * 30, "current"])
def test_an_unknown_version_is_404(caller: Caller, pets: Pets, number: str):
    assert_problem(ask(caller, "GET", f"{URL}/{number}"), 404, "no version")


def test_two_versions_and_the_project_as_it_is_are_compared(caller: Caller, pets: Pets, store: Store):
    assert ask(caller, "GET", f"{URL}/1/compare/1").json["same"] is True
    caller.place("pets", "new.png", "cat", picture(seed=3))
    caller.place("pets", "one.png", "dog", picture(seed=1))
    caller.call("PATCH", "/upload/data_point", project_name="pets", data_point_name="other.png")
    caller.call("PUT", "/upload/class_info", project_name="pets", class_info="dog|cat|fox")
    shown = ask(caller, "GET", f"{URL}/1/compare/current").json
    counts = {name: shown[name] for name in ("added", "removed", "relabelled", "replaced", "resplit")}
    assert counts == {
        "added": {"count": 1, "names": ["new.png"]},
        "removed": {"count": 1, "names": ["other.png"]},
        "relabelled": {"count": 1, "names": ["one.png"]},
        "replaced": {"count": 0, "names": []},
        "resplit": {"count": 0, "names": []},
    }
    assert shown["same"] is False
    assert shown["classes"] == {"added": ["fox"], "removed": [], "renamed": [], "reordered": True}
    assert shown["splits"]["after"] == {"train": 0, "val": 0, "test": 0, "auto": 2}
    assert_problem(ask(caller, "GET", f"{URL}/1/compare/7"), 404, "no version 7")


def test_a_job_on_a_version_names_it_and_keeps_it_from_being_deleted(caller: Caller, pets: Pets, store: Store):
    store.jobs.cancel(pets.job.id)
    caller.call("PATCH", "/upload/data_point", project_name="pets", data_point_name="one.png")
    jobs = "/api/v1/projects/pets/jobs"
    assert_problem(ask(caller, "POST", jobs), 400, "not ready to train")
    assert_problem(ask(caller, "POST", jobs, dataset_version=9), 404, "no version 9")
    assert_problem(ask(caller, "POST", jobs, dataset_version=0), 400, "dataset_version")
    job = ask(caller, "POST", jobs, dataset_version=1)
    assert job.status_code == 202
    assert (job.json["dataset"], job.json["started_by"]) == ({"digest": None, "version": 1}, "ada")
    assert ask(caller, "GET", f"{URL}/1").json["jobs"] == 1
    assert_problem(ask(caller, "DELETE", f"{URL}/1"), 409, "queued or running")
    store.jobs.cancel_all(pets.project.id)
    assert ask(caller, "DELETE", f"{URL}/1").status_code == 204


def test_jobs_of_projects_that_one_is_a_member_of_are_listed(caller: Caller, other: Caller, pets: Pets, store: Store):
    assert ask(other, "GET", "/api/v1/jobs").json["items"] == []
    assert_problem(ask(other, "GET", "/api/v1/jobs", project="pets"), 404)
    grace = store.users.find("grace")
    assert grace
    member = {"$set": {"members": [{"user_id": grace.id, "role": "editor"}]}}
    store.database["projects"].update_one({"_id": pets.project.id}, member)
    listed = [ask(other, "GET", "/api/v1/jobs", **query).json["items"] for query in ({}, {"project": "pets"})]
    listed.append(ask(other, "GET", f"/api/v1/projects/{pets.project.id}/jobs").json["items"])
    assert [[item["job_id"] for item in items] for items in listed] == [[str(pets.job.id)]] * 3
    assert ask(other, "GET", "/api/v1/projects/pets/jobs", state="failed").json["items"] == []
    store.jobs.cancel(pets.job.id)
    started = ask(other, "POST", "/api/v1/projects/pets/jobs").json
    assert started["started_by"] == "grace"
    assert store.jobs.list_of([pets.project.id], 1)[0].owner_id == pets.project.owner_id


def test_the_owner_downloads_the_whole_project(caller: Caller, other: Caller, pets: Pets, store: Store):
    answer = ask(caller, "GET", "/api/v1/projects/pets/capsule")
    assert (answer.status_code, answer.mimetype) == (200, "application/zip")
    entries = entries_of(answer.data)
    assert {"project.json", "dataset.json", "versions/1.json", "manifest.json"} <= set(entries)
    grace = store.users.find("grace")
    assert grace
    member = {"$set": {"members": [{"user_id": grace.id, "role": "editor"}]}}
    store.database["projects"].update_one({"_id": pets.project.id}, member)
    assert_problem(ask(other, "GET", "/api/v1/projects/pets/capsule"), 403, "only its owner")


def test_a_project_is_made_of_a_capsule(caller: Caller, pets: Pets, store: Store):
    store.jobs.cancel(pets.job.id)
    store.database["models"].delete_many({})
    capsule = ask(caller, "GET", "/api/v1/projects/pets/capsule").data
    headers = {"Authorization": f"Bearer {caller.token}"}

    def send(content: bytes, **query: str) -> TestResponse:
        return caller._client.post(
            "/api/v1/capsules", data=content, query_string=query, content_type="application/zip", headers=headers
        )

    assert_problem(send(capsule), 409, "'pets' is taken")
    assert_problem(send(capsule[:-40], name="copy"), 400, "ZIP")
    made = send(capsule, name="copy")
    assert made.status_code == 201
    assert made.json.items() >= {"name": "copy", "images": 2, "versions": 1, "jobs": 1, "models": 0}.items()
    assert made.headers["Location"] == made.json["url"]
    assert ask(caller, "GET", f"{made.json['url']}/versions/1/compare/current").json["same"] is True
    copied = caller.call("POST", "/upload/project", project_name="copy").json
    assert (len(copied["dids"]), copied["is_published"]) == (2, "False")
