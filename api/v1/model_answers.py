"""What answers about models and their predictions hold."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field, RootModel

from api.operation import Shown


class FileShown(Shown):
    """A file of a model."""

    name: str
    size: Annotated[int, Field(ge=0, description="Bytes.")]
    sha256: str
    url: str


class Quantization(Shown):
    """What int8 cost a model, and what it brought."""

    model_config = ConfigDict(extra="allow")


class Registered(Shown):
    """What a model version is in MLflow's registry."""

    name: str
    version: str


class ModelShown(Shown):
    """A model version with its card and files."""

    id: str
    version: int
    created_at: datetime
    precision: str
    quantization: Quantization | None
    card: dict[str, Any]
    registered: Annotated[Registered | None, Field(description="In MLflow; null where it is not there.")]
    files: list[FileShown]
    card_url: str


class ModelDataset(Shown):
    """The data that a model was made from."""

    digest: str | None
    version: Annotated[int | None, Field(description="Of the dataset, where one holds exactly these data.")]


class ModelInList(Shown):
    """A model version without its card."""

    id: str
    version: int
    created_at: datetime
    job_id: str
    precision: str
    quantization: Quantization | None
    metrics: dict[str, Any]
    metrics_on: str | None
    dataset: ModelDataset
    serving: Annotated[bool, Field(description="It answers for the project.")]
    published: Annotated[bool, Field(description="It answers for everybody.")]
    pinned: Annotated[bool, Field(description="It answers whatever is trained later.")]
    registered: Annotated[Registered | None, Field(description="In MLflow; null where it is not there.")]
    files: list[FileShown]
    url: str
    card_url: str


class MetricCompared(Shown):
    """One metric of two models; `better` is the version of the better one, null where none is or nobody can say."""

    name: str
    a: float | None
    b: float | None
    difference: Annotated[float | None, Field(description="b less a.")]
    better: int | None


class ValueCompared(Shown):
    """Something that two models were made with."""

    name: str
    a: Any
    b: Any


class DataCompared(Shown):
    """The data of two models; counts of images are null where a record is missing."""

    a: ModelDataset
    b: ModelDataset
    same: bool | None
    images_a: int | None
    images_b: int | None
    common_images: Annotated[int | None, Field(description="Images of equal content.")]


class ModelsCompared(Shown):
    """Two model versions side by side."""

    a: ModelInList
    b: ModelInList
    metrics: list[MetricCompared]
    params: Annotated[list[ValueCompared], Field(description="Those that differ.")]
    data: DataCompared


class CallsShown(Shown):
    """How often a model was called; times in milliseconds, null when there was no call."""

    calls: int
    errors: int
    errors_by_code: dict[str, int]
    p50_ms: float | None
    p95_ms: float | None


class DayOfCalls(CallsShown):
    """The calls of one day (UTC)."""

    date: date


class AllCalls(CallsShown):
    """The calls of so many days, today among them."""

    days: int


class UsageShown(Shown):
    """The calls of a model, each day that has any, newest first, and all of them together."""

    items: list[DayOfCalls]
    next: str | None
    total: AllCalls


class ModelName(Shown):
    """Which model answered."""

    id: str
    version: int


class Box(Shown):
    """Corners in pixels of the image as sent, EXIF-turned."""

    x1: float
    y1: float
    x2: float
    y2: float


class PredictionShown(Shown):
    """One object that was found, or one class of the whole image."""

    class_: Annotated[str, Field(alias="class")]
    confidence: Annotated[float, Field(ge=0, le=1)]
    box: Box


class ImagePredictions(Shown):
    """Predictions of one image, the most confident first; `width` and `height` in pixels, EXIF-turned."""

    width: int
    height: int
    predictions: list[PredictionShown]


class PredictionsShown(Shown):
    """Predictions of the images of a request, in their order."""

    project: str
    project_type: str
    model: ModelName
    results: list[ImagePredictions]
    timing_ms: Annotated[dict[str, float], Field(description="Time by stage, as in `Server-Timing`.")]


class RowPrediction(Shown):
    """What was predicted for one row: a `class` with its `confidence` and `probabilities`, or a `value`."""

    model_config = ConfigDict(extra="allow")


class RowPredictionsShown(Shown):
    """Predictions of the rows of a request, in their order."""

    project: str
    project_type: str
    model: ModelName
    predictions: list[RowPrediction]
    warnings: Annotated[list[str], Field(description="About all rows, such as columns that are missing.")]
    timing_ms: Annotated[dict[str, float], Field(description="Time by stage, as in `Server-Timing`.")]


class Predicted(RootModel[PredictionsShown | RowPredictionsShown]):
    """Of images, or of rows, whichever the project takes."""
