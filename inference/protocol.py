"""What a predictor is, and the card that tells it everything about its model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from utils import InvalidInput

FLOAT32, INT8 = "float32", "int8"
MOST_ROWS = 10_000


class ModelCard(BaseModel):
    """Everything about a model that its ONNX file does not say.

    Attributes:
        classes: in the order of the model's outputs; empty where it predicts a number.
        image_size: side of the square input, px (for detection: the longer side, see `preprocessing`); none of a model
            that takes no images.
        table: of a model of tables: columns with their types, the task, and how cells are read.
        series: of a model of time series: sensors, columns, window, smoothing, threshold, and how scores are read.
        preprocessing: exact steps, for a reader and for the predictor of the project type.
        metrics: of the exported model's native twin on the validation part; fractions 0 to 1, or in the unit of what
            is predicted (R2 and errors of numbers).
        export_difference: the largest absolute difference between a metric of the export and of the native model.
        metrics_on: "validation images", or "training images" when there were too few to hold any back; with "200 of
            5,000" before it when there was no time for all, since the training was stopped early.
        test_metrics: of the exported model on the images whose split is `test`, named as `metrics`; none when there is
            no such image, or when there was no time, since the training was stopped early.
        stopped_early: `after_epoch` and `of_epochs`; none when the training was not asked to stop.
        pretrained_sha256: of the file of pretrained weights; none from scratch, and on cards of earlier versions.
        determinism: what the trainer asked of the libraries, so that the same gives the same.
        precision: `float32` or `int8`, of what the file computes with.
        quantization: of an int8 model: `from_model` and `from_version`, the `metric` it was judged by, its value in
            `float32` and `int8`, `difference_points` (int8 less float32, percentage points), `calibration`, `bytes` of
            both files, and `milliseconds` an image took in each on the machine that made it.
        loaded: of a model that came from MLflow: `reference`, `run_id`, and the `metrics`, `metrics_on`, `device` and
            `libraries` that its card had there; the metrics of this card are of the project's own data.
        dataset: snapshot digest, number of images on each side, seed, train fraction.
    """

    model_config = ConfigDict(extra="forbid")

    card_version: int = 1
    project_type: str
    architecture: str
    classes: list[str]
    image_size: int | None = None
    preprocessing: dict[str, Any]
    metrics: dict[str, Any]
    metrics_on: str
    export_difference: float
    dataset: dict[str, Any]
    params: dict[str, Any]
    pretrained: bool
    device: str
    libraries: dict[str, str]
    licence: str
    onnx_sha256: str
    duration_seconds: float
    pretrained_sha256: str | None = None
    determinism: dict[str, Any] = {}
    stopped_early: dict[str, int] | None = None
    precision: str = FLOAT32
    quantization: dict[str, Any] | None = None
    test_metrics: dict[str, Any] | None = None
    table: dict[str, Any] | None = None
    loaded: dict[str, Any] | None = None
    series: dict[str, Any] | None = None


@dataclass(frozen=True)
class Prediction:
    """One object found, or one class of the whole image.

    Attributes:
        box_px: x1, y1, x2, y2 in pixels of the EXIF-turned image.
        confidence: 0 to 1.
    """

    box_px: tuple[float, float, float, float]
    class_name: str
    confidence: float


@dataclass(frozen=True)
class Options:
    """What a caller wants of the predictions; None is the predictor's own default.

    Attributes:
        confidence: predictions the model is less sure of are left out, 0 to 1.
        iou: of boxes of one class that overlap more than this only the most confident stays, 0 to 1.
        max_detections: at most so many boxes an image.
        top_k: at most so many classes an image.
        explain: whether to say for each row which columns moved its prediction.
        figures: names of what is to be drawn of all rows, in one figure; what there is says the predictor.
        png: whether the figure is wanted as a picture; else as JSON.
        title: of the figure.
    """

    confidence: float | None = None
    iou: float | None = None
    max_detections: int | None = None
    top_k: int | None = None
    explain: bool | None = None
    figures: Sequence[str] | None = None
    png: bool | None = None
    title: str | None = None

    def check(self, known: frozenset[str], project_type: str) -> None:
        """See that a predictor knows every option that was given.

        Raises:
            InvalidInput: it does not.
        """
        given = [item.name for item in fields(self) if getattr(self, item.name) is not None]
        detail = f"{project_type} models know {', '.join(sorted(known))}: leave it out"
        errors = [{"field": name, "message": f"{name}: {detail}"} for name in given if name not in known]
        if errors:
            raise InvalidInput("; ".join(error["message"] for error in errors), errors)


NO_OPTIONS = Options()


@dataclass(frozen=True)
class Bounds:
    """What a content may hold.

    Attributes:
        most_pixels: of an image.
        most_rows: of a table.
    """

    most_pixels: int
    most_rows: int = MOST_ROWS


@dataclass(frozen=True)
class Reading:
    """One content made ready; a predictor adds what it needs for its answer.

    Attributes:
        inputs: what `forward` takes.
    """

    inputs: Any


class Predictor(ABC):
    """One model, ready to predict; safe to call from several threads at once.

    Attributes:
        OPTIONS: names of the options it knows.
        BATCHES: a run has one input, whose first axis are single images, so runs can be joined on a GPU.
    """

    OPTIONS: ClassVar[frozenset[str]]
    BATCHES: ClassVar[bool] = False

    def __init__(self, session: Any, card: ModelCard):
        self._session = session
        self._card = card

    @abstractmethod
    def read(self, content: bytes, bounds: Bounds) -> Any:
        """Make one content ready: an image file, or rows as JSON.

        Rows are an array of objects, or an object with such `rows` and the `state` that an answer to the rows before
        them told, where a model remembers rows.

        Returns:
            A `Reading`.

        Raises:
            InvalidInput: it cannot be read; says why, and what is wanted.
            TooLarge: past the bounds.
        """

    @abstractmethod
    def forward(self, inputs: Any) -> Any:
        """Run the model on the inputs of a reading."""

    @abstractmethod
    def answer(self, outputs: Any, reading: Any, options: Options, draw: bool) -> Any:
        """What is answered for one content (`inference.answers`).

        Args:
            outputs: of `forward`.
            draw: whether a picture is wanted; whoever cannot draw leaves it out.
        """

    @abstractmethod
    def warm_up(self) -> None:
        """Predict something of no meaning: the first run plans memory and picks kernels."""
