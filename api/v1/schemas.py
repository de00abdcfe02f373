"""One schema a request. A field that a schema does not name is refused."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from api.names import ImageBytes, Lookup, Number
from api.operation import Request
from storage.device import DeviceChoice
from storage.job import JobState
from storage.usage import KEPT_DAYS

MOST_LOG_TAIL_LINES = 20_000
STREAM_SECONDS = 55
MOST_DETECTIONS = 300
MOST_CLASSES = 1000
MOST_VERSION = 2**31 - 1
_LARGEST_EVENT_ID = 2**53


class PageQuery(Request):
    """Which page of a list."""

    limit: Annotated[int, Field(ge=1, le=100), Number] = 20
    cursor: Lookup | None = None


class ProjectJobsQuery(PageQuery):
    """Which jobs of a project."""

    state: JobState | None = None


class JobsQuery(ProjectJobsQuery):
    """Which jobs; `project` is the id or the name of one."""

    project: Lookup | None = None
    project_name: Lookup | None = None


class NewProjectJob(Request):
    """A training to be queued; `params` are the trainer's, which checks them."""

    params: dict[str, Any] = Field(default_factory=dict)
    device: DeviceChoice = DeviceChoice.ANY
    dataset_version: Annotated[
        int | None,
        Field(ge=1, le=MOST_VERSION, description="Train on this version of the dataset, not on the project as it is."),
        Number,
    ] = None


class NewJob(NewProjectJob):
    """A training of the project of this name."""

    project_name: Lookup


class NewQuantization(Request):
    """A model to be had in int8; `force` has it however much accuracy that costs."""

    force: bool = False


class ModelToLoad(Request):
    """A model that DIYML has logged to MLflow."""

    model: Annotated[
        str, Field(min_length=1, max_length=500, description="Id of its run, or `models:/<name>/<version>`.")
    ]


class LogQuery(Request):
    """How much of a log."""

    tail: Annotated[int | None, Field(ge=1, le=MOST_LOG_TAIL_LINES), Number] = None


class EventsQuery(Request):
    """Where a stream goes on, and after how many seconds it ends at the latest."""

    last_event_id: Annotated[int, Field(ge=0, le=_LARGEST_EVENT_ID), Number] = 0
    seconds: Annotated[int, Field(ge=0, le=STREAM_SECONDS), Number] = STREAM_SECONDS


class UsageQuery(Request):
    """Over how many days, today among them."""

    days: Annotated[int, Field(ge=1, le=KEPT_DAYS), Number] = 30


class Prediction(Request):
    """Images, when they come as base64, or rows of a table; and what is wanted of the predictions."""

    LONG_TEXTS: ClassVar[bool] = True

    image: ImageBytes | None = None
    images: list[ImageBytes] | None = None
    rows: Annotated[
        list[dict[str, Any]] | None,
        Field(description="For a project that holds a table: objects with a value a column, by its name."),
    ] = None
    explain: Annotated[bool | None, Field(description="Of rows: also tell which columns moved each prediction.")] = None
    confidence: Annotated[float | None, Field(ge=0, le=1), Number] = None
    iou: Annotated[float | None, Field(ge=0, le=1), Number] = None
    max_detections: Annotated[int | None, Field(ge=1, le=MOST_DETECTIONS), Number] = None
    top_k: Annotated[int | None, Field(ge=1, le=MOST_CLASSES), Number] = None
    annotated: bool = False
