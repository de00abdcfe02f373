from __future__ import annotations

import io
from dataclasses import dataclass

import pytest
from bson import ObjectId

from datasets.imports.options import ImportOptions
from datasets.versions import freeze
from notifications.signatures import new_secret
from storage.alert_rules import AlertRule
from storage.import_record import Import
from storage.job import Job
from storage.models import Model
from storage.projects import Project
from storage.store import Store
from storage.webhooks import Webhook
from tests.alerts.conftest import a_rule
from tests.conftest import Caller, picture
from utils import utc_now

CARD = {"project_type": "classification", "classes": ["cat", "dog"]}


@dataclass(frozen=True)
class Pets:
    """A project with two classes, an image of each, a version, a queued job, a served model, and of much else one."""

    project: Project
    job: Job
    model: Model
    webhook: Webhook
    delivery_id: ObjectId
    upload: Import
    rule: AlertRule
    incident_id: ObjectId

    @property
    def ids(self) -> dict[str, object]:
        """What a path may name."""
        own = {"project_id": self.project.id, "webhook_id": self.webhook.id, "delivery_id": self.delivery_id}
        own |= {"rule_id": self.rule.id, "incident_id": self.incident_id}
        return {"job_id": self.job.id, "model_id": self.model.id, "import_id": self.upload.id, **own}


@pytest.fixture
def pets(caller: Caller, store: Store) -> Pets:
    """Ada's project `pets`."""
    caller.project("pets", classes="cat|dog")
    assert caller.place("pets", "one.png", "cat", picture(seed=1)).status_code == 200
    assert caller.place("pets", "other.png", "dog", picture(seed=2)).status_code == 200
    user = store.users.find("ada")
    assert user
    project = store.projects.named("pets", user)
    freeze(store, project, user)
    job = store.jobs.create(project, {"epochs": 1}, 1)
    webhook = store.webhooks.create(project, "https://93.184.215.14/", ("job.failed",), new_secret())
    delivery_id = store.deliveries.add(webhook.id, user.id, "job.failed", "{}", project.id, job.id, 1)
    upload = store.imports.create(project.id, user.id, 1000, "pets.zip", ImportOptions().to_row())
    rule = a_rule(store, project)
    now = utc_now()
    store.alert_incidents.open(rule, incident_id := ObjectId(), "pump", {"began_at": now, "opened_at": now}, None)
    store.alert_incidents.keep_picture(incident_id, b"a picture")
    model = trained(store, project, job)
    return Pets(project, job, model, webhook, delivery_id, upload, rule, incident_id)


def trained(store: Store, project: Project, job: Job) -> Model:
    """A model that the project serves, with a file that is no network."""
    file = store.artifacts.put(io.BytesIO(b"weights"), "model.onnx")
    model = store.models.create(project.id, job.id, CARD, {"model.onnx": file})
    assert store.projects.serve(project.id, model.id, model.version)
    return model
