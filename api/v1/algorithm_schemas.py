"""What answers about algorithms hold."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.operation import Shown

Value = bool | int | float | str | None


class ParameterShown(Shown):
    """One parameter of an algorithm."""

    name: str
    type: Annotated[str, Field(description="`integer`, `number`, `boolean` or `string`.")]
    default: Value
    minimum: float | None
    maximum: float | None
    choices: Annotated[list[str] | None, Field(description="What it may be; null for a number.")]
    description: str


class AlgorithmShown(Shown):
    """One algorithm, by the name that trainings know it by."""

    project_type: str
    name: str
    title: str
    description: str
    most_rows: Annotated[int | None, Field(description="It takes no more training rows; null for any number.")]
    parameters: list[ParameterShown]
