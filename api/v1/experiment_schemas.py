"""What calls about experiments take and give."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from api.operation import Request, Shown

_WORDS = {"true": True, "1": True, "": True, "false": False, "0": False}


def _flag(value: Any) -> Any:
    """A flag of a query, where everything is text."""
    return _WORDS.get(value.lower(), value) if isinstance(value, str) else value


class ExperimentQuery(Request):
    """What is to be done with a document."""

    validate_only: Annotated[
        bool, BeforeValidator(_flag), Field(alias="validate", description="Only look whether it is right.")
    ] = False
    source: Annotated[
        str,
        Field(
            pattern=r"^[ -~]{0,200}$",
            description="What you know the data by, such as a hash of the files that you imported; the job keeps it.",
        ),
    ] = ""


class EvaluationShown(Shown):
    """What a model must be worth to be published."""

    metric: Annotated[str, Field(description="Among the metrics of the model.")]
    minimum: float | None
    maximum: float | None


class ExperimentShown(Shown):
    """A document that is right in itself."""

    valid: bool
    name: str
    type: Annotated[str, Field(description="The project type.")]
    project: Annotated[str, Field(description="Name of the project that it is about.")]
    file: Annotated[str | None, Field(description="Where its sender has the data.")]
    sha256: Annotated[str, Field(description="Of the document as it was sent.")]
    params: Annotated[dict[str, Any], Field(description="The trainer's params that it names.")]
    evaluation: EvaluationShown
