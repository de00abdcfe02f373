"""`/api/v1/published/<project>/predict`: predictions at once, from whatever somebody has published."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from flask import Response, request

from api.operation import operation
from api.output import json_text
from api.parameters import parameters
from api.predicting import PredictingResource
from api.v1.model_answers import PredictionsShown
from api.v1.rate_limits import LIMIT, POLICY, rate_headers
from api.v1.representation import answer_of
from api.v1.schemas import Prediction
from inference.answers import Answer
from inference.protocol import Options
from storage.projects import Project
from utils import InvalidInput, TooLarge

MOST_IMAGES = 64
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
        gives=PredictionsShown,
        errors=(404, 429),
        body=("image/*", "application/octet-stream"),
        files=("images",),
        headers={
            "Server-Timing": "milliseconds by stage",
            POLICY: "how many images you may send",
            LIMIT: "how many of them are left",
        },
    )
    def post(self, wish: Prediction, project: str) -> Response:
        """Predict one image or several; nothing is kept."""
        images = _images(wish)
        if wish.annotated and len(images) > 1:
            raise InvalidInput(f"annotated: one image a request, got {len(images)}")
        found = self.published(project)
        options = Options(wish.confidence, wish.iou, wish.max_detections, wish.top_k)
        answer = self.services.engine.predict_batch(
            found.served_model_id, images, options, wish.annotated, caller=str(self.user.id)
        )
        response = _response(found, answer)
        if answer.left:
            response.headers.extend(rate_headers(self.services.settings, answer.left))
        return response


def _is_raw() -> bool:
    return request.mimetype.startswith(_RAW)


def _images(wish: Prediction) -> list[bytes]:
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
            "or JSON with base64 in 'image' or 'images'"
        )
    if len(images) > MOST_IMAGES:
        raise TooLarge(f"{len(images)} images, at most {MOST_IMAGES} in one request: send them in several")
    return images


def _response(project: Project, answer: Answer) -> Response:
    picture = answer.images[0].picture
    if picture is not None:
        response = Response(picture, mimetype="image/jpeg")
    else:
        response = Response(json_text(answer_of(project, answer)) + "\n", mimetype="application/json")
    stages = (f"{stage};dur={seconds * 1000:.2f}" for stage, seconds in answer.seconds.items())
    response.headers["Server-Timing"] = ", ".join(stages)
    return response
