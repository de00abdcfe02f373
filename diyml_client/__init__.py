"""Talk to a DIYML server: `from diyml_client import Client`.

This package needs nothing of the server and runs beside no part of it.
"""

from diyml_client.account import Me, Token
from diyml_client.alerts import AlertRule, Incident
from diyml_client.catalogue import CatalogueEntry
from diyml_client.classes import ClassList, ProjectClass
from diyml_client.client import Client
from diyml_client.errors import (
    ChangedMeanwhile,
    Conflict,
    ConnectionFailed,
    DiymlError,
    Forbidden,
    InvalidRequest,
    JobFailed,
    NoProfile,
    NotFound,
    ServerFailed,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)
from diyml_client.images import Annotation, Image
from diyml_client.imports import Import
from diyml_client.jobs import Job, JobEvent
from diyml_client.members import Member
from diyml_client.models import Model, ModelFile
from diyml_client.prediction_jobs import PredictionJob
from diyml_client.predictions import Box, ImagePredictions, Prediction
from diyml_client.projects import Project, Publication, Readiness
from diyml_client.retries import Patience
from diyml_client.tables import Table
from diyml_client.uploads import UploadResult, UploadState
from diyml_client.version import VERSION as __version__
from diyml_client.versions import Comparison, TableComparison, Version

__all__ = [
    "AlertRule",
    "Annotation",
    "Box",
    "CatalogueEntry",
    "ChangedMeanwhile",
    "ClassList",
    "Client",
    "Comparison",
    "Conflict",
    "ConnectionFailed",
    "DiymlError",
    "Forbidden",
    "Image",
    "ImagePredictions",
    "Import",
    "Incident",
    "InvalidRequest",
    "Job",
    "JobEvent",
    "JobFailed",
    "Me",
    "Member",
    "Model",
    "ModelFile",
    "NoProfile",
    "NotFound",
    "Patience",
    "Prediction",
    "PredictionJob",
    "Project",
    "ProjectClass",
    "Publication",
    "Readiness",
    "ServerFailed",
    "Table",
    "TableComparison",
    "Token",
    "TooManyRequests",
    "Unauthenticated",
    "Unavailable",
    "UploadResult",
    "UploadState",
    "Version",
    "__version__",
]
