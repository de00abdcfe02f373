"""What calls about the catalogue take and give."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints

from api.names import Lookup, encodable
from api.operation import Shown
from api.v1.model_answers import Box, ModelName
from api.v1.schemas import PageQuery
from datasets.registry import KINDS, canonical_type


def _type(text: str) -> str:
    name = canonical_type(text)
    if name is None:
        raise ValueError(f"must be one of {', '.join(KINDS)}")
    return name


_Words = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(encodable)
]


class CatalogueSort(str, Enum):
    """In which order."""

    NEWEST = "-published_at"
    CALLS = "-calls"
    NAME = "name"


class CatalogueQuery(PageQuery):
    """What to look for."""

    q: Annotated[_Words | None, Field(description="Words of name, description or classes.")] = None
    type: Annotated[str, Field(max_length=100), AfterValidator(_type)] | None = None
    class_: Annotated[Lookup | None, Field(alias="class")] = None
    owner: Lookup | None = None
    sort: CatalogueSort = CatalogueSort.NEWEST


class CatalogueEntry(Shown):
    """A published project."""

    id: str
    project: str
    type: str
    owner: str
    description: str
    licence: str
    classes: list[str]
    model: ModelName
    published_at: datetime
    calls: Annotated[int, Field(description="In the last 30 days.")]
    url: str
    predict_url: str


class CataloguePrediction(Shown):
    """One object that was found, or one class of the whole image; the box in pixels of the image, EXIF-turned."""

    class_: Annotated[str, Field(alias="class")]
    confidence: float
    box: Box


class CatalogueExample(Shown):
    """An image, and what the model finds in it."""

    width: int
    height: int
    thumbnail_url: str
    predictions: Annotated[list[CataloguePrediction] | None, Field(description="Null when nobody can tell now.")]


class CatalogueCard(CatalogueEntry):
    """A published project, with what its model is worth."""

    metrics: dict[str, Any]
    metrics_on: str | None
    architecture: str | None
    model_created_at: datetime
    model_url: str
    card_url: str
    example: CatalogueExample | None
