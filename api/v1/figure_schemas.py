"""What calls about figures take and give."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from api.names import Text
from api.operation import Request, Shown

_MOST_TITLE_CHARACTERS = 200


FigureForm = Literal["json", "png"]


class FigureQuery(Request):
    """How a figure is wanted."""

    format: Annotated[FigureForm, Field(description="For Plotly, or a picture.")] = "json"


class FigureWish(FigureQuery):
    """What is to be drawn, of which rows."""

    LONG_TEXTS: ClassVar[bool] = True

    rows: Annotated[
        list[dict[str, Any]], Field(description="In their order, values by the name of their column; at most 10,000.")
    ]
    names: list[Annotated[Text, Field(max_length=50)]] = Field(
        default=["series"],
        min_length=1,
        max_length=10,
        description="`series`, `score`, `contributions`; one or several.",
    )
    title: Annotated[Text | None, Field(max_length=_MOST_TITLE_CHARACTERS)] = None


class FiguresShown(Shown):
    """Names of figures."""

    items: list[str]
