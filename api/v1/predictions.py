"""`/api/v1/published/<project>/predict`: predictions at once, from whatever somebody has published."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flask import Response, request

from api.operation import operation
from api.output import json_text
from api.parameters import parameters
from api.predicting import PredictingResource
from api.v1.model_answers import Predicted
from api.v1.rate_limits import LIMIT, POLICY, rate_headers
from api.v1.representation import answer_of
from api.v1.schemas import Prediction
from datasets.kinds import DataKind
from datasets.registry import IMAGES, SERIES, TABLE
from inference.answers import Answer
from inference.protocol import MOST_ROWS, Options
from storage.projects import Project
from utils import InvalidInput, TooLarge

MOST_IMAGES = 64
ROWS_A_PLACE = 1_000
_RAW = ("image/", "application/octet-stream")


class Predictions(PredictingResource):
    """Predictions of a published project."""

    @cached_property
    def given(self) -> dict[str, Any]:
        """Options come in the query, or among the fields of a form or a JSON object."""
        return {**request.args.to_dict(), **({} if _is_raw() else parameters())}

    def reads(self) -> bool:
        """Always: nothing is kept."""
        return True

    @operation(
        takes=Prediction,
        gives=Predicted,
        errors=(404, 409, 429),
        body=("image/*", "application/octet-stream"),
        files=("images",),
        headers={
            "Server-Timing": "milliseconds by stage",
            POLICY: "how many images you may send; a thousand rows count as one",
            LIMIT: "how many of them are left",
        },
    )
    def post(self, wish: Prediction, project: str) -> Response:
        """Predict one image or several, or rows of a table; nothing is kept."""
        sent = _images(wish) if wish.rows is None else _rows(wish)
        if wish.annotated and len(sent.contents) > 1:
            raise InvalidInput(f"annotated: one image a request, got {len(sent.contents)}")
        found = self.published(project, sent.kind)
        options = Options(wish.confidence, wish.iou, wish.max_detections, wish.top_k, wish.explain)
        answer = self.services.engine.predict_batch(
            found.served_model_id, sent.contents, options, wish.annotated, str(self.user.id), sent.places
        )
        response = _response(found, answer)
        if answer.left:
            response.headers.extend(rate_headers(self.services.settings, answer.left))
        return response


def _is_raw() -> bool:
    return request.mimetype.startswith(_RAW)


@dataclass(frozen=True)
class _Sent:
    """What is to be predicted.

    Attributes:
        places: as how many images it counts.
    """

    kind: DataKind | tuple[DataKind, ...]
    contents: list[bytes]
    places: int


def _images(wish: Prediction) -> _Sent:
    """The images of a request, in the order in which they were sent.

    Raises:
        InvalidInput: there is none.
        TooLarge: there are too many.
    """
    if _is_raw():
        images = [request.get_data()]
    else:
        sent = [file.read() for _, file in request.files.items(multi=True)]
        images = sent + ([wish.image] if wish.image else []) + (wish.images or [])
    if not any(images):
        raise InvalidInput(
            "no image: send its bytes as the body (Content-Type: image/jpeg), files of a multipart form, "
            "or JSON with base64 in 'image' or 'images'; rows of a table as JSON in 'rows'"
        )
    if len(images) > MOST_IMAGES:
        raise TooLarge(f"{len(images)} images, at most {MOST_IMAGES} in one request: send them in several")
    return _Sent(IMAGES, images, len(images))


def _rows(wish: Prediction) -> _Sent:
    """The rows of a request as one content.

    Raises:
        InvalidInput: there is none, or there are images as well.
        TooLarge: there are too many.
    """
    rows = wish.rows or []
    if wish.image or wish.images or request.files or wish.annotated:
        raise InvalidInput("rows: they come alone, without images: ask twice")
    return _Sent((TABLE, SERIES), *rows_content(rows))


def rows_content(rows: list[dict[str, Any]]) -> tuple[list[bytes], int]:
    """Rows as one content, and as how many images it counts.

    Raises:
        InvalidInput: there is none.
        TooLarge: there are too many.
    """
    if not rows:
        raise InvalidInput("rows: there is none: send objects with a value a column, by its name")
    if len(rows) > MOST_ROWS:
        raise TooLarge(f"{len(rows):,} rows, at most {MOST_ROWS:,} in one request: send them in several")
    return [json.dumps(rows).encode()], math.ceil(len(rows) / ROWS_A_PLACE)


def _response(project: Project, answer: Answer) -> Response:
    picture = answer.images[0].picture if answer.images else None
    if picture is not None:
        response = Response(picture, mimetype="image/jpeg")
    else:
        response = Response(json_text(answer_of(project, answer)) + "\n", mimetype="application/json")
    stages = (f"{stage};dur={seconds * 1000:.2f}" for stage, seconds in answer.seconds.items())
    response.headers["Server-Timing"] = ", ".join(stages)
    return response
