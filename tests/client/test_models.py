"""Training, models, publishing and predicting over the client: one short training for all."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

import pytest

from diyml_client import Client, Conflict, Job, JobEvent, JobFailed, NotFound, Project
from diyml_client.errors import InvalidRequest
from tests.client.routes import P, needs

pytestmark = needs("/api/v1/projects", f"{P}/images", f"{P}/models")


@pytest.fixture(scope="module")
def trained(user: Client, shades: Path) -> tuple[Project, Job, list[JobEvent]]:
    """A project with a model, the job that made it, and what it told."""
    project = user.projects.create(f"shades-{secrets.token_hex(4)}", "classification", classes=["dark", "bright"])
    project.images.upload(shades, "folders")
    events: list[JobEvent] = []
    job = project.train(epochs=2, image_size=32, batch=4, train_split=0.7).wait(told=events.append)
    return project.refresh(), job, events


@pytest.fixture(scope="module")
def published(trained: tuple[Project, Job, list[JobEvent]]) -> Project:
    """The same, published."""
    project = trained[0]
    assert project.publish("Dark or bright?", "CC0-1.0").published
    return project.refresh()


def test_a_job_is_followed_to_its_end(trained: tuple[Project, Job, list[JobEvent]], user: Client):
    project, job, events = trained
    assert job.state == "succeeded"
    assert [event.data["state"] for event in events if event.kind == "state"][-1] == "succeeded"
    assert sum(event.kind == "metrics" for event in events) == 2
    numbers = [int(event.id) for event in events if event.id]
    assert numbers == sorted(set(numbers))
    assert events[0].at is None or events[0].at.tzinfo
    # Who was there before is told only what is new.
    later = list(user.jobs.get(job.id).follow(last_event_id=str(numbers[-2])))
    assert [event.id for event in later] == [str(numbers[-1])]
    assert list(job.follow(last_event_id=str(numbers[-1]))) == []
    assert [found.id for found in project.jobs.list(state="succeeded")] == [job.id]
    assert list(job.logs(tail=2)) == list(job.logs())[-2:]


def test_a_job_that_is_cancelled_says_so_to_who_waits(trained: tuple[Project, Job, list[JobEvent]]):
    job = trained[0].train(epochs=500, image_size=32)
    assert job.cancel().id == job.id
    with pytest.raises(JobFailed, match="cancelled") as caught:
        job.wait()
    assert caught.value.state == "cancelled"
    assert f"`diyml logs {job.id}`" in str(caught.value)
    with pytest.raises(InvalidRequest, match="epochs"):
        trained[0].train(epochs=0)


def test_a_model_is_downloaded_and_its_hash_compared(trained: tuple[Project, Job, list[JobEvent]], tmp_path: Path):
    project, job, _ = trained
    (model,) = project.models
    assert (model.version, model.job_id, model.serving) == (1, job.id, True)
    assert job.model_id == model.id
    path = model.download(tmp_path)
    assert path.name == "model.onnx"
    file = next(file for file in model.files if file.name == "model.onnx")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256
    assert model.card()["classes"] == ["dark", "bright"]
    assert model.usage()["total"]["calls"] >= 0
    with pytest.raises(NotFound, match=r"only .*model.onnx"):
        model.download(tmp_path, "weights.pickle")
    with pytest.raises(NotFound, match="no version 7"):
        project.models.get(7)
    with pytest.raises(Conflict):
        model.delete()


@needs(f"{P}/promote", f"{P}/rollback")
def test_who_goes_back_to_nothing_is_told(trained: tuple[Project, Job, list[JobEvent]]):
    assert trained[0].promote(1)["model"]["version"] == 1
    with pytest.raises(Conflict):
        trained[0].rollback()


@needs(f"{P}/publication")
def test_what_is_published_answers_everybody(published: Project, guest: Client, shades: Path):
    dark, bright = shades / "dark" / "1.png", shades / "bright" / "0.png"
    one = guest.predict(published.name, dark)
    assert (one.width, one.height) == (16, 16)
    assert {item.class_name for item in one.predictions} == {"dark", "bright"}
    assert one.best
    assert 0 <= one.best.confidence <= 1
    both = guest.predict(published, [dark, bright.read_bytes()], top_k=1)
    assert [len(item.predictions) for item in both] == [1, 1]
    assert guest.predict(published.name, dark, annotated=True)[:2] == b"\xff\xd8"
    with pytest.raises(InvalidRequest, match="one image, got 2"):
        guest.predict(published.name, [dark, bright], annotated=True)  # type: ignore[call-overload]
    assert len(guest.predict(published.name, [dark] * 65)) == 65


@needs("/api/v1/catalogue")
def test_what_is_published_is_found_by_everybody(published: Project, guest: Client):
    found = next(entry for entry in guest.catalogue.search("bright") if entry.project == published.name)
    assert (found.licence, found.classes) == ("CC0-1.0", ["dark", "bright"])
    assert guest.catalogue.get(published.name).metrics
    assert published.publication().description == "Dark or bright?"


@needs(f"{P}/publication")
def test_what_is_withdrawn_answers_nobody(published: Project, guest: Client, shades: Path):
    published.unpublish()
    with pytest.raises(NotFound):
        guest.predict(published.name, shades / "dark" / "1.png")
