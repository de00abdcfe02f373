"""What calls about a publication take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from api.names import Lookup, encodable
from api.operation import Request, Shown
from api.v1.licences import licence
from api.v1.model_answers import ModelName
from api.v1.serving_schemas import ModelVersion
from api.v1.version_schemas import Description

Licence = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=2000),
    AfterValidator(encodable),
    AfterValidator(licence),
    Field(description="An SPDX identifier, or a text."),
]


class NewPublication(Request):
    """What a published project says of itself; what is left out is empty."""

    version: Annotated[
        ModelVersion | None, Field(description="Answers whatever is trained later; without it the newest training.")
    ] = None
    description: Description = ""
    licence: Licence = ""
    example_image: Annotated[Lookup | None, Field(description="Id or name of an image of the project.")] = None


class ExampleShown(Shown):
    """The image that shows what the model does."""

    id: str
    name: str


class PublicationShown(Shown):
    """A publication; while there is none, what it said the last time."""

    published: bool
    published_at: datetime | None
    version: Annotated[int | None, Field(description="That is pinned; null when the newest training answers.")]
    model: Annotated[ModelName | None, Field(description="What answers.")]
    description: str
    licence: str
    licence_is_spdx: bool
    example_image: ExampleShown | None
    predict_url: str | None
    catalogue_url: str | None
