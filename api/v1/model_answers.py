"""What answers about models and their predictions hold."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field

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


class ModelShown(Shown):
    """A model version with its card and files."""

    id: str
    version: int
    created_at: datetime
    precision: str
    quantization: Quantization | None
    card: dict[str, Any]
    files: list[FileShown]


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
