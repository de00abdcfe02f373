"""What calls about the serving model take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from api.names import Number
from api.operation import Request, Shown
from api.v1.model_answers import ModelName
from api.v1.schemas import MOST_VERSION

ModelVersion = Annotated[int, Field(ge=1, le=MOST_VERSION), Number]


class Promotion(Request):
    """Which version is to answer."""

    version: ModelVersion


class ModelsQuery(Request):
    """Which two versions to compare."""

    a: ModelVersion
    b: ModelVersion


class ServedShown(Shown):
    """That a version came to answer; `by` is null when a training chose it, `at` when it is older than this record."""

    id: str
    version: int
    at: datetime | None
    by: str | None


class ServingShown(Shown):
    """Which version answers for a project, and which ones did, newest first."""

    project: str
    model: ModelName
    pinned: bool
    history: list[ServedShown]
