"""The route table: one line a URL, with who may call which method."""

from __future__ import annotations

from typing import NamedTuple

from flask_restful import Api

from api.access import (
    ACCOUNT,
    EDITOR_INFERS,
    EDITOR_READS,
    EDITOR_TRAINS,
    EDITOR_WRITES,
    GUEST_READS,
    INFER,
    OWNER_READS,
    OWNER_WRITES,
    PUBLIC,
    READ,
    VIEWER_READS,
    VIEWER_WRITES,
    WRITE,
    Access,
)  # fmt: skip
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
from api.openapi.document import described
from api.openapi.resources import DocsAsset, DocsPage, OpenApiDocument
from api.platform import Platform
from api.resource import PlatformResource
from api.v1.account_export import AccountExport
from api.v1.alerts import AlertRuleItem, AlertRuleList, AlertRuleTest
from api.v1.algorithms import AlgorithmList
from api.v1.analysis import Analysis
from api.v1.capsules import CapsuleList, ProjectCapsule
from api.v1.catalogue import Catalogue, CatalogueItem, CatalogueThumbnail
from api.v1.classes import ClassItem, ClassList, ClassMergeItem, ClassOrderItem
from api.v1.deliveries import DeliveryList, DeliveryRetry
from api.v1.devices import DeviceList
from api.v1.duplicates import DuplicateList
from api.v1.experiments import ExperimentCheck, ExperimentSchema, JobExperiment, ProjectExperiments
from api.v1.exports import DatasetExport
from api.v1.figures import ModelFigure, ModelFigures, PublishedFigures
from api.v1.image_bulk import ImageBulk
from api.v1.image_items import ImageAnnotations, ImageFile, ImageItem, ImageThumbnail
from api.v1.images import ImageList
from api.v1.imports import ImportCancel, ImportData, ImportItem, ImportReport, ImportRetry, ProjectImports
from api.v1.incidents import IncidentAcknowledgement, IncidentItem, IncidentList, IncidentPicture
from api.v1.job_events import JobEventStream
from api.v1.job_outputs import JobArtifacts, JobLog, JobMetrics
from api.v1.job_record import JobRecord, JobRecordDataset, JobRepeat
from api.v1.job_validation import JobValidation
from api.v1.jobs import JobCancel, JobItem, JobList, JobStop, ProjectJobs
from api.v1.label_reviews import LabelReview
from api.v1.located import ProjectResource
from api.v1.logins import Login, Signup
from api.v1.me import EmailConfirmation, Me, Password
from api.v1.members import MemberItem, MemberList
from api.v1.model_usage import ModelUsage
from api.v1.models import ModelCard, ModelFile, ModelItem, ModelLoad, ModelQuantize, ModelServe, ProjectModels
from api.v1.prediction_jobs import (
    PredictionJobCancel,
    PredictionJobData,
    PredictionJobItem,
    PredictionJobList,
    PredictionJobResult,
    PublishedPredictionJobs,
)
from api.v1.predictions import Predictions
from api.v1.projects import ProjectItem, ProjectList, ProjectTransfer
from api.v1.publications import ProjectPublication
from api.v1.readiness import ProjectReadiness
from api.v1.serving import ModelComparison, ModelPromotion, ModelRollback
from api.v1.stream import (
    DeadLetterItem,
    DeadLetterList,
    DeadLetterResend,
    StreamItem,
    StreamResults,
    StreamRows,
)
from api.v1.table_predictions import CsvPredictions
from api.v1.tables import NewRows, TableFile, TableItem, TableRows
from api.v1.tokens import TokenItem, TokenList
from api.v1.versions import VersionComparison, VersionItem, VersionList
from api.v1.webhooks import WebhookItem, WebhookList, WebhookSecret, WebhookTest

PROJECT = "/api/v1/projects/<project>"
WEBHOOKS = f"{PROJECT}/webhooks"
IMPORT = "/api/v1/imports/<import_id>"
IMAGES = f"{PROJECT}/images"
TABLE = f"{PROJECT}/table"
PREDICTION_JOB = "/api/v1/prediction-jobs/<prediction_job_id>"
STREAM = f"{PROJECT}/stream"
ALERTS = f"{PROJECT}/alerts"
INCIDENTS = f"{PROJECT}/incidents"


class Route(NamedTuple):
    """One URL. A method that `access` does not name does not start."""

    path: str
    resource: type[PlatformResource]
    access: dict[str, Access]


ROUTES = (
    Route("/auth", Users, {"GET": PUBLIC, "POST": PUBLIC, "PUT": PUBLIC, "PATCH": ACCOUNT}),
    Route("/upload/project", Projects, {"GET": PUBLIC, "POST": VIEWER_READS, "PUT": WRITE, "PATCH": OWNER_WRITES}),
    Route("/upload/data_point", DataPoints, {"PUT": EDITOR_WRITES, "POST": EDITOR_WRITES, "PATCH": EDITOR_WRITES}),
    Route("/upload/class_info", ClassInfo, {"PUT": EDITOR_WRITES, "POST": EDITOR_WRITES, "PATCH": EDITOR_WRITES}),
    Route("/data_analysis", DataAnalysis, {"POST": VIEWER_READS}),
    Route("/train", Trainings, {"PUT": EDITOR_TRAINS}),
    Route("/publish", Publications, {"GET": PUBLIC, "PUT": EDITOR_WRITES}),
    Route("/inference", Inferences, {"GET": PUBLIC, "POST": INFER}),
    Route(IMAGES, ImageList, {"GET": VIEWER_READS, "POST": EDITOR_WRITES}),
    Route(f"{IMAGES}/bulk", ImageBulk, {"POST": EDITOR_WRITES}),
    Route(f"{IMAGES}/<image>", ImageItem, {"GET": VIEWER_READS, "PATCH": EDITOR_WRITES, "DELETE": EDITOR_WRITES}),
    Route(f"{IMAGES}/<image>/annotations", ImageAnnotations, {"PUT": EDITOR_WRITES}),
    Route(f"{IMAGES}/<image>/file", ImageFile, {"GET": VIEWER_READS, "PUT": EDITOR_WRITES}),
    Route(f"{IMAGES}/<image>/thumbnail", ImageThumbnail, {"GET": VIEWER_READS}),
    Route(f"{PROJECT}/analysis", Analysis, {"GET": VIEWER_READS}),
    Route("/api/v1/jobs", JobList, {"GET": VIEWER_READS, "POST": EDITOR_TRAINS}),
    Route("/api/v1/jobs/<job_id>", JobItem, {"GET": VIEWER_READS}),
    Route("/api/v1/jobs/<job_id>/cancel", JobCancel, {"POST": EDITOR_TRAINS}),
    Route("/api/v1/jobs/<job_id>/stop", JobStop, {"POST": EDITOR_TRAINS}),
    Route("/api/v1/jobs/<job_id>/log", JobLog, {"GET": VIEWER_READS}),
    Route("/api/v1/jobs/<job_id>/metrics", JobMetrics, {"GET": VIEWER_READS}),
    Route("/api/v1/jobs/<job_id>/artifacts", JobArtifacts, {"GET": VIEWER_READS}),
    Route("/api/v1/jobs/<job_id>/validation", JobValidation, {"GET": VIEWER_READS}),
    Route("/api/v1/jobs/<job_id>/events", JobEventStream, {"GET": VIEWER_READS}),
    Route("/api/v1/jobs/<job_id>/record", JobRecord, {"GET": VIEWER_READS}),
    Route("/api/v1/jobs/<job_id>/record/dataset", JobRecordDataset, {"GET": VIEWER_READS}),
    Route("/api/v1/jobs/<job_id>/repeat", JobRepeat, {"POST": EDITOR_TRAINS}),
    Route("/api/v1/jobs/<job_id>/experiment", JobExperiment, {"GET": VIEWER_READS}),
    Route("/api/v1/experiments/schema", ExperimentSchema, {"GET": PUBLIC}),
    Route("/api/v1/experiments/validate", ExperimentCheck, {"POST": READ}),
    Route(f"{PROJECT}/experiments", ProjectExperiments, {"POST": EDITOR_TRAINS}),
    Route(f"{PROJECT}/jobs", ProjectJobs, {"GET": VIEWER_READS, "POST": EDITOR_TRAINS}),
    Route(f"{PROJECT}/versions", VersionList, {"GET": VIEWER_READS, "POST": EDITOR_WRITES}),
    Route(
        f"{PROJECT}/versions/<number>",
        VersionItem,
        {"GET": VIEWER_READS, "PATCH": EDITOR_WRITES, "DELETE": EDITOR_WRITES},
    ),
    Route(f"{PROJECT}/versions/<number>/compare/<other>", VersionComparison, {"GET": VIEWER_READS}),
    Route(f"{PROJECT}/models", ProjectModels, {"GET": VIEWER_READS}),
    Route(f"{PROJECT}/models/load", ModelLoad, {"POST": EDITOR_TRAINS}),
    Route(f"{PROJECT}/models/compare", ModelComparison, {"GET": VIEWER_READS}),
    Route(f"{PROJECT}/promote", ModelPromotion, {"POST": EDITOR_WRITES}),
    Route(f"{PROJECT}/rollback", ModelRollback, {"POST": EDITOR_WRITES}),
    Route(
        f"{PROJECT}/publication",
        ProjectPublication,
        {"GET": VIEWER_READS, "PUT": EDITOR_WRITES, "DELETE": EDITOR_WRITES},
    ),
    Route(f"{PROJECT}/capsule", ProjectCapsule, {"GET": OWNER_READS}),
    Route("/api/v1/capsules", CapsuleList, {"POST": WRITE}),
    Route("/api/v1/catalogue", Catalogue, {"GET": READ}),
    Route("/api/v1/catalogue/<project>", CatalogueItem, {"GET": READ}),
    Route("/api/v1/catalogue/<project>/example", CatalogueThumbnail, {"GET": READ}),
    Route("/api/v1/algorithms", AlgorithmList, {"GET": READ}),
    Route("/api/v1/devices", DeviceList, {"GET": READ}),
    Route("/api/v1/models/<model_id>", ModelItem, {"GET": GUEST_READS, "DELETE": EDITOR_WRITES}),
    Route("/api/v1/models/<model_id>/card", ModelCard, {"GET": GUEST_READS}),
    Route("/api/v1/models/<model_id>/files/<name>", ModelFile, {"GET": VIEWER_READS}),
    Route("/api/v1/models/<model_id>/usage", ModelUsage, {"GET": VIEWER_READS}),
    Route("/api/v1/models/<model_id>/quantize", ModelQuantize, {"POST": EDITOR_TRAINS}),
    Route("/api/v1/models/<model_id>/serve", ModelServe, {"POST": EDITOR_WRITES}),
    Route("/api/v1/published/<project>/predict", Predictions, {"POST": INFER}),
    Route("/api/v1/published/<project>/predict-csv", CsvPredictions, {"POST": INFER}),
    Route(
        "/api/v1/published/<project>/prediction-jobs",
        PublishedPredictionJobs,
        {"POST": INFER, "OPTIONS": PUBLIC},
    ),
    Route("/api/v1/prediction-jobs", PredictionJobList, {"GET": INFER}),
    Route(PREDICTION_JOB, PredictionJobItem, {"GET": INFER, "DELETE": INFER}),
    Route(f"{PREDICTION_JOB}/data", PredictionJobData, {"HEAD": INFER, "PATCH": INFER, "DELETE": INFER}),
    Route(f"{PREDICTION_JOB}/cancel", PredictionJobCancel, {"POST": INFER}),
    Route(f"{PREDICTION_JOB}/result", PredictionJobResult, {"GET": INFER}),
    Route("/api/v1/published/<project>/figures", PublishedFigures, {"POST": INFER}),
    Route("/api/v1/models/<model_id>/figures", ModelFigures, {"GET": GUEST_READS}),
    Route("/api/v1/models/<model_id>/figures/<name>", ModelFigure, {"GET": GUEST_READS}),
    Route(f"{PROJECT}/duplicates", DuplicateList, {"GET": VIEWER_READS}),
    Route(f"{PROJECT}/readiness", ProjectReadiness, {"GET": VIEWER_READS}),
    Route(f"{PROJECT}/label-review", LabelReview, {"GET": VIEWER_READS}),
    Route(f"{PROJECT}/exports/<export_format>", DatasetExport, {"GET": VIEWER_READS}),
    Route(WEBHOOKS, WebhookList, {"GET": EDITOR_READS, "POST": EDITOR_WRITES}),
    Route(
        f"{WEBHOOKS}/<webhook_id>",
        WebhookItem,
        {"GET": EDITOR_READS, "PATCH": EDITOR_WRITES, "DELETE": EDITOR_WRITES},
    ),
    Route(f"{WEBHOOKS}/<webhook_id>/test", WebhookTest, {"POST": EDITOR_WRITES}),
    Route(f"{WEBHOOKS}/<webhook_id>/rotate-secret", WebhookSecret, {"POST": OWNER_WRITES}),
    Route(f"{WEBHOOKS}/<webhook_id>/deliveries", DeliveryList, {"GET": EDITOR_READS}),
    Route(f"{WEBHOOKS}/<webhook_id>/deliveries/<delivery_id>/retry", DeliveryRetry, {"POST": EDITOR_WRITES}),
    Route(ALERTS, AlertRuleList, {"GET": VIEWER_READS, "POST": EDITOR_WRITES}),
    Route(
        f"{ALERTS}/<rule_id>",
        AlertRuleItem,
        {"GET": VIEWER_READS, "PATCH": EDITOR_WRITES, "DELETE": EDITOR_WRITES},
    ),
    Route(f"{ALERTS}/<rule_id>/test", AlertRuleTest, {"POST": EDITOR_WRITES}),
    Route(INCIDENTS, IncidentList, {"GET": VIEWER_READS}),
    Route(f"{INCIDENTS}/<incident_id>", IncidentItem, {"GET": VIEWER_READS}),
    Route(f"{INCIDENTS}/<incident_id>/picture", IncidentPicture, {"GET": VIEWER_READS}),
    Route(f"{INCIDENTS}/<incident_id>/acknowledge", IncidentAcknowledgement, {"POST": EDITOR_WRITES}),
    Route(f"{PROJECT}/imports", ProjectImports, {"GET": VIEWER_READS, "POST": EDITOR_WRITES, "OPTIONS": PUBLIC}),
    Route(IMPORT, ImportItem, {"GET": VIEWER_READS, "DELETE": EDITOR_WRITES}),
    Route(f"{IMPORT}/data", ImportData, {"HEAD": EDITOR_READS, "PATCH": EDITOR_WRITES, "DELETE": EDITOR_WRITES}),
    Route(f"{IMPORT}/report", ImportReport, {"GET": VIEWER_READS}),
    Route(f"{IMPORT}/cancel", ImportCancel, {"POST": EDITOR_WRITES}),
    Route(f"{IMPORT}/retry", ImportRetry, {"POST": EDITOR_WRITES}),
    Route(TABLE, TableItem, {"GET": VIEWER_READS, "PATCH": EDITOR_WRITES, "DELETE": EDITOR_WRITES}),
    Route(f"{TABLE}/rows", TableRows, {"GET": VIEWER_READS}),
    Route(f"{TABLE}/file", TableFile, {"GET": VIEWER_READS}),
    Route(f"{PROJECT}/rows", NewRows, {"POST": EDITOR_WRITES}),
    Route(STREAM, StreamItem, {"GET": VIEWER_READS, "PUT": EDITOR_WRITES, "DELETE": EDITOR_WRITES}),
    Route(f"{STREAM}/rows", StreamRows, {"POST": EDITOR_INFERS}),
    Route(f"{STREAM}/results", StreamResults, {"GET": VIEWER_READS}),
    Route(f"{STREAM}/dead-letters", DeadLetterList, {"GET": VIEWER_READS}),
    Route(f"{STREAM}/dead-letters/<letter_id>", DeadLetterItem, {"GET": VIEWER_READS, "DELETE": EDITOR_WRITES}),
    Route(f"{STREAM}/dead-letters/<letter_id>/resend", DeadLetterResend, {"POST": EDITOR_WRITES}),
    Route("/api/v1/projects", ProjectList, {"GET": READ, "POST": WRITE}),
    Route(PROJECT, ProjectItem, {"GET": GUEST_READS, "PATCH": EDITOR_WRITES, "DELETE": OWNER_WRITES}),
    Route(f"{PROJECT}/transfer", ProjectTransfer, {"POST": OWNER_WRITES}),
    Route(f"{PROJECT}/members", MemberList, {"GET": VIEWER_READS}),
    Route(f"{PROJECT}/members/<username>", MemberItem, {"PUT": OWNER_WRITES, "DELETE": VIEWER_WRITES}),
    Route(f"{PROJECT}/classes", ClassList, {"GET": VIEWER_READS, "POST": EDITOR_WRITES}),
    Route(f"{PROJECT}/classes/order", ClassOrderItem, {"PUT": EDITOR_WRITES}),
    Route(f"{PROJECT}/classes/<class_id>", ClassItem, {"PATCH": EDITOR_WRITES, "DELETE": EDITOR_WRITES}),
    Route(f"{PROJECT}/classes/<class_id>/merge", ClassMergeItem, {"POST": EDITOR_WRITES}),
    Route("/api/v1/signup", Signup, {"POST": PUBLIC}),
    Route("/api/v1/login", Login, {"POST": PUBLIC, "DELETE": READ}),
    Route("/api/v1/tokens", TokenList, {"GET": ACCOUNT, "POST": ACCOUNT}),
    Route("/api/v1/tokens/<token_id>", TokenItem, {"DELETE": ACCOUNT}),
    Route("/api/v1/me", Me, {"GET": READ, "PATCH": ACCOUNT, "DELETE": ACCOUNT}),
    Route("/api/v1/me/export", AccountExport, {"GET": ACCOUNT}),
    Route("/api/v1/me/password", Password, {"POST": ACCOUNT}),
    Route("/api/v1/me/email/confirm", EmailConfirmation, {"POST": ACCOUNT}),
    Route("/api/openapi.json", OpenApiDocument, {"GET": PUBLIC}),
    Route("/api/docs", DocsPage, {"GET": PUBLIC}),
    Route("/api/docs/<name>", DocsAsset, {"GET": PUBLIC}),
    Route("/health", Health, {"GET": PUBLIC}),
    Route("/ready", Readiness, {"GET": PUBLIC}),
    Route("/metrics", Metrics, {"GET": PUBLIC}),
)


def add_routes(api: Api, platform: Platform) -> None:
    """Add every route of the table.

    Raises:
        TypeError: a route does not say who may call one of its methods, or names one that it does not have, or
            declares no role for what is a project's, or not what a method takes and gives.
    """
    list(described(ROUTES))
    for route in ROUTES:
        declared, methods = set(route.access), set(route.resource.methods or ())
        if declared != methods:
            raise TypeError(f"{route.path}: access must be declared for exactly {methods}, got {declared}")
        if issubclass(route.resource, ProjectResource) and not all(
            item.role or item.is_public for item in route.access.values()
        ):
            raise TypeError(f"{route.path}: a role must be declared for each method, since it is about a project")
        api.add_resource(
            route.resource,
            route.path,
            endpoint=route.path,
            resource_class_kwargs={"platform": platform, "access": route.access},
        )
