"""Figures: of rows that a published model has judged just now, and of what a training has left."""

from __future__ import annotations

from typing import Any

from flask import Response

from api.operation import Content, operation
from api.output import json_text
from api.predicting import PredictingResource
from api.v1.figure_schemas import FigureForm, FigureQuery, FiguresShown, FigureWish
from api.v1.located import ModelResource
from api.v1.predictions import rows_content
from datasets.registry import SERIES
from inference.protocol import Options
from storage.models import Model
from utils import NotFound, some_of

PNG, JSON = "image/png", "application/json"
_FORMS: dict[FigureForm, tuple[str, str]] = {"json": (".plotly.json", JSON), "png": (".png", PNG)}
_KEPT_SECONDS = 3600


class PublishedFigures(PredictingResource):
    """Figures of rows that are judged by a published project."""

    KIND = SERIES

    def reads(self) -> bool:
        """Always: nothing is kept."""
        return True

    @operation(takes=FigureWish, gives=Content(JSON, (PNG,)), errors=(404, 409, 413, 429))
    def post(self, wish: FigureWish, project: str) -> Response:
        """Judge rows and draw them: as JSON for Plotly, or as a picture; nothing is kept."""
        found = self.published(project, SERIES)
        contents, places = rows_content(wish.rows)
        options = Options(figures=tuple(wish.names), png=wish.format == "png", title=wish.title or found.name)
        caller = str(self.user.id)
        answer = self.services.engine.predict_batch(
            found.served_model_id, contents, options, caller=caller, places=places
        )
        [rows] = answer.rows
        return _sent(rows.picture if wish.format == "png" else rows.figure)


def _sent(figure: bytes | dict[str, Any] | None) -> Response:
    if isinstance(figure, bytes):
        return Response(figure, mimetype=PNG)
    return Response(json_text(figure) + "\n", mimetype=JSON)


def figure_names(model: Model) -> list[str]:
    """Names of the figures that a training has left: those that are there for Plotly."""
    suffix, _ = _FORMS["json"]
    return sorted(name.removesuffix(suffix) for name in model.files if name.endswith(suffix))


class ModelFigures(ModelResource):
    """The figures of a model."""

    KIND = SERIES

    @operation(gives=FiguresShown, errors=(409,))
    def get(self) -> dict[str, Any]:
        """Which there are; for members, and for anybody with a token while it is published."""
        return {"items": figure_names(self.model)}


class ModelFigure(ModelResource):
    """A figure of a model."""

    KIND = SERIES

    @operation(takes=FigureQuery, gives=Content(JSON, (PNG,)), errors=(409,), headers={"ETag": "SHA-256 of the file"})
    def get(self, query: FigureQuery, name: str) -> Response:
        """Download it, as JSON for Plotly or as a picture; both were made by the training."""
        suffix, media_type = _FORMS[query.format]
        file = self.model.files.get(name + suffix)
        if file is None or name not in figure_names(self.model):
            raise NotFound(f"the model has no figure '{name}': it has {some_of(figure_names(self.model)) or 'none'}")
        response = Response(self.services.store.artifacts.stream(file.file_id), mimetype=media_type)
        response.headers["Content-Length"] = str(file.size)
        response.headers["ETag"] = f'"{file.sha256}"'
        response.headers["Cache-Control"] = f"private, max-age={_KEPT_SECONDS}"  # a model never changes
        return response
