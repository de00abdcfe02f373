"""What an engine is asked and what it answers, wherever it runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

from bson import ObjectId

from inference.protocol import NO_OPTIONS, Options, Prediction
from utils import Unavailable

STAGES = ("decode", "wait", "model", "post")
NOBODY = ""


class Damaged(Unavailable):
    """A stored model is not what training stored; asking again does not help."""


@dataclass(frozen=True)
class ImagePredictions:
    """What was found in one image.

    Attributes:
        width: px, after the EXIF turn; `height` likewise.
        picture: a JPEG file with the predictions drawn in; None when it was not asked for.
    """

    width: int
    height: int
    predictions: list[Prediction]
    picture: bytes | None = None


@dataclass(frozen=True)
class RowPredictions:
    """What was predicted for the rows of one content.

    Attributes:
        predictions: one a row, in their order, as JSON.
        warnings: about all of them, one sentence each.
        state: what is remembered of them, for the rows that follow; None of a model that remembers nothing.
        figure: what was to be drawn, as JSON for Plotly; `picture` a PNG file of it. None when it was not asked for.
    """

    predictions: list[dict[str, Any]]
    warnings: list[str] = field(default_factory=list)
    state: str | None = None
    figure: dict[str, Any] | None = None
    picture: bytes | None = None


@dataclass(frozen=True)
class Left:
    """What a caller may still ask for.

    Attributes:
        at_once: images, while those of this answer are under way no more.
        a_minute: images, at this moment; None when there is no such limit.
        seconds: until a whole minute's are left again.
    """

    at_once: int
    a_minute: int | None = None
    seconds: int = 0


@dataclass
class Answer:
    """Predictions of all contents of a request, in their order: of images, or of rows.

    Attributes:
        images: empty of a request of rows; `rows` likewise.
        seconds: spent in `decode`, `model` and `post`, over all images, and in `wait`: for the model to be loaded, for
            the turn of the first image, and on the way to the engine and back.
        left: of the caller's limits.
    """

    images: list[ImagePredictions]
    seconds: dict[str, float]
    left: Left | None = None
    rows: list[RowPredictions] = field(default_factory=list)

    @classmethod
    def of(cls, items: list[Any], seconds: dict[str, float], left: Left | None = None) -> Answer:
        """The answer whose items a predictor made."""
        rows = [item for item in items if isinstance(item, RowPredictions)]
        return cls([] if rows else items, seconds, left, rows)


class Engine(ABC):
    """Predicts with any stored model. Safe to call from many threads."""

    @abstractmethod
    def predict_batch(
        self,
        model_id: ObjectId,
        contents: list[bytes],
        options: Options = NO_OPTIONS,
        draw: bool = False,
        caller: str = NOBODY,
        places: int | None = None,
    ) -> Answer:
        """Predict contents with a stored model: image files, or rows as JSON.

        Args:
            contents: none have the model loaded and tried, and nothing predicted.
            draw: whether pictures are wanted.
            caller: who asks; turns are dealt out and limits are charged by caller.
            places: as how many images it counts; None for one a content.

        Raises:
            InvalidInput: a content that cannot be read (says which), or an option that models of this type do not know.
            TooLarge: too many pixels, or rows.
            NotFound: the model was deleted.
            TooManyRequests: the caller has as many images under way as allowed, or asks too often.
            Unavailable: too many images wait already, or the model cannot be loaded now.
        """

    def predict(self, model_id: ObjectId, content: bytes, caller: str = NOBODY) -> list[Prediction]:
        """Predict one image file with a stored model; raises as `predict_batch`."""
        return self.predict_batch(model_id, [content], caller=caller).images[0].predictions

    @abstractmethod
    def has_room(self) -> bool:
        """Whether a request would not be refused now, as far as is known without asking.

        To be asked once for a request, which is expected then.
        """

    @abstractmethod
    def answers(self) -> bool:
        """Whether it is there."""
