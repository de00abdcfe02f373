"""The route table: one line a URL, with who may call which method."""

from __future__ import annotations

from typing import NamedTuple

from flask_restful import Api

from api.classic.class_info import ClassInfo
from api.classic.data_analysis import DataAnalysis
from api.classic.data_points import DataPoints
from api.classic.inferences import Inferences
from api.classic.projects import Projects
from api.classic.publications import Publications
from api.classic.trainings import Trainings
from api.classic.users import Users
from api.health import Health, Readiness
from api.metrics import Metrics
from api.platform import Platform
from api.resource import Access, PlatformResource
from api.v1.deliveries import DeliveryList, DeliveryRetry
from api.v1.devices import DeviceList
from api.v1.job_events import JobEventStream
from api.v1.job_outputs import JobArtifacts, JobLog, JobMetrics
from api.v1.job_record import JobRecord, JobRecordDataset, JobRepeat
from api.v1.jobs import JobCancel, JobItem, JobList, JobStop
from api.v1.me import EmailConfirmation, Me
from api.v1.model_usage import ModelUsage
from api.v1.models import ModelFile, ModelItem, ModelQuantize, ModelServe
from api.v1.predictions import Predictions
from api.v1.webhooks import WebhookItem, WebhookList, WebhookSecret, WebhookTest

PUBLIC, TOKEN = Access.PUBLIC, Access.TOKEN
WEBHOOKS = "/api/v1/projects/<project_id>/webhooks"


class Route(NamedTuple):
    """One URL. A method that `access` does not name does not start."""

    path: str
    resource: type[PlatformResource]
    access: dict[str, Access]


ROUTES = (
    Route("/auth", Users, {"GET": PUBLIC, "POST": PUBLIC, "PUT": PUBLIC, "PATCH": TOKEN}),
    Route("/upload/project", Projects, {"GET": PUBLIC, "POST": TOKEN, "PUT": TOKEN, "PATCH": TOKEN}),
    Route("/upload/data_point", DataPoints, {"PUT": TOKEN, "POST": TOKEN, "PATCH": TOKEN}),
    Route("/upload/class_info", ClassInfo, {"PUT": TOKEN, "POST": TOKEN, "PATCH": TOKEN}),
    Route("/data_analysis", DataAnalysis, {"POST": TOKEN}),
    Route("/train", Trainings, {"PUT": TOKEN}),
    Route("/publish", Publications, {"GET": PUBLIC, "PUT": TOKEN}),
    Route("/inference", Inferences, {"GET": PUBLIC, "POST": TOKEN}),
    Route("/api/v1/jobs", JobList, {"GET": TOKEN, "POST": TOKEN}),
    Route("/api/v1/jobs/<job_id>", JobItem, {"GET": TOKEN}),
    Route("/api/v1/jobs/<job_id>/cancel", JobCancel, {"POST": TOKEN}),
    Route("/api/v1/jobs/<job_id>/stop", JobStop, {"POST": TOKEN}),
    Route("/api/v1/jobs/<job_id>/log", JobLog, {"GET": TOKEN}),
    Route("/api/v1/jobs/<job_id>/metrics", JobMetrics, {"GET": TOKEN}),
    Route("/api/v1/jobs/<job_id>/artifacts", JobArtifacts, {"GET": TOKEN}),
    Route("/api/v1/jobs/<job_id>/events", JobEventStream, {"GET": TOKEN}),
    Route("/api/v1/jobs/<job_id>/record", JobRecord, {"GET": TOKEN}),
    Route("/api/v1/jobs/<job_id>/record/dataset", JobRecordDataset, {"GET": TOKEN}),
    Route("/api/v1/jobs/<job_id>/repeat", JobRepeat, {"POST": TOKEN}),
    Route("/api/v1/devices", DeviceList, {"GET": TOKEN}),
    Route("/api/v1/models/<model_id>", ModelItem, {"GET": TOKEN}),
    Route("/api/v1/models/<model_id>/files/<name>", ModelFile, {"GET": TOKEN}),
    Route("/api/v1/models/<model_id>/usage", ModelUsage, {"GET": TOKEN}),
    Route("/api/v1/models/<model_id>/quantize", ModelQuantize, {"POST": TOKEN}),
    Route("/api/v1/models/<model_id>/serve", ModelServe, {"POST": TOKEN}),
    Route("/api/v1/published/<project>/predict", Predictions, {"POST": TOKEN}),
    Route(WEBHOOKS, WebhookList, {"GET": TOKEN, "POST": TOKEN}),
    Route(f"{WEBHOOKS}/<webhook_id>", WebhookItem, {"GET": TOKEN, "PATCH": TOKEN, "DELETE": TOKEN}),
    Route(f"{WEBHOOKS}/<webhook_id>/test", WebhookTest, {"POST": TOKEN}),
    Route(f"{WEBHOOKS}/<webhook_id>/rotate-secret", WebhookSecret, {"POST": TOKEN}),
    Route(f"{WEBHOOKS}/<webhook_id>/deliveries", DeliveryList, {"GET": TOKEN}),
    Route(f"{WEBHOOKS}/<webhook_id>/deliveries/<delivery_id>/retry", DeliveryRetry, {"POST": TOKEN}),
    Route("/api/v1/me", Me, {"GET": TOKEN, "PATCH": TOKEN}),
    Route("/api/v1/me/email/confirm", EmailConfirmation, {"POST": TOKEN}),
    Route("/health", Health, {"GET": PUBLIC}),
    Route("/ready", Readiness, {"GET": PUBLIC}),
    Route("/metrics", Metrics, {"GET": PUBLIC}),
)


def add_routes(api: Api, platform: Platform) -> None:
    """Add every route of the table.

    Raises:
        TypeError: a route does not say who may call one of its methods, or names one that it does not have.
    """
    for route in ROUTES:
        declared, methods = set(route.access), set(route.resource.methods or ())
        if declared != methods:
            raise TypeError(f"{route.path}: access must be declared for exactly {methods}, got {declared}")
        api.add_resource(
            route.resource,
            route.path,
            endpoint=route.path,
            resource_class_kwargs={"platform": platform, "access": route.access},
        )
