"""What calls about streams take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from api.names import Text
from api.operation import Request, Shown
from api.v1.schemas import PageQuery
from storage.streams import PREFIX
from streams.messages import MOST_ID_CHARACTERS, MOST_ROWS

_MOST_COLLECTED = 10_000_000
_MOST_POSITION = 2**53

QueueName = Annotated[str, StringConstraints(pattern=rf"^{PREFIX}[A-Za-z0-9._-]{{1,100}}$".replace(".", r"\.", 2))]
Column = Annotated[Text, Field(min_length=1, max_length=200)]


class StreamChange(Request):
    """A stream as it is to be."""

    enabled: bool = True
    queue: Annotated[
        QueueName | None, Field(description=f"That rows come by, `{PREFIX}...`; null for one of the stream's own.")
    ] = None
    publishes: Annotated[bool, Field(description="Whether results go to a queue, beside being kept to be read.")] = True
    results_queue: Annotated[QueueName | None, Field(description="Which one; null for one of the stream's own.")] = None
    key: Annotated[
        Column | None, Field(description="Column that tells sensors apart; null for the one that the model has.")
    ] = None
    id_field: Annotated[
        Column | None, Field(description="Field of a row with the id of the message, where the message has none.")
    ] = None
    collect: Annotated[
        bool | Annotated[int, Field(ge=0, le=_MOST_COLLECTED)],
        Field(description="Rows that become data of the project, from now on: true for all, or how many."),
    ] = False


class StreamCounts(Shown):
    """Since the stream was made."""

    messages: Annotated[int, Field(description="Judged or refused, each once.")]
    rows: int
    anomalies: int
    duplicates: Annotated[int, Field(description="Messages that came again.")]
    dead: Annotated[int, Field(description="Messages that could not be judged.")]
    collected: Annotated[int, Field(description="Rows that become data of the project.")]


class StreamShown(Shown):
    """A stream."""

    enabled: bool
    queue: str
    results_queue: str | None
    dead_queue: str
    key: str | None
    id_field: str | None
    collect_left: Annotated[int | None, Field(description="Rows still to be collected; null for all that come.")]
    refused_rows: Annotated[int, Field(description="Collected rows that did not fit to the project's data.")]
    followed: Annotated[bool, Field(description="Whether a worker judges what comes.")]
    counts: StreamCounts
    lag: Annotated[int | None, Field(description="Messages that wait; null when the broker does not answer.")]
    last_at: Annotated[datetime | None, Field(description="When something was judged last.")]
    error: Annotated[str | None, Field(description="What is in the way.")]
    error_at: datetime | None
    created_at: datetime
    updated_at: datetime


class RowsSent(Request):
    """One message."""

    rows: Annotated[
        list[dict[str, Any]], Field(min_length=1, max_length=MOST_ROWS, description="Objects with a value a sensor.")
    ]
    message_id: Annotated[
        Annotated[Text, Field(min_length=1, max_length=MOST_ID_CHARACTERS)] | None,
        Field(description="Sent again under the same id, it is judged once; null for one of ours."),
    ] = None


class RowsTaken(Shown):
    """The message waits to be judged."""

    message_id: str
    rows: int


class ResultsQuery(PageQuery):
    """Which results."""

    after: Annotated[
        int, Field(ge=0, le=_MOST_POSITION, description="Only what comes behind this position; 0 for all.")
    ] = 0


class ResultShown(Shown):
    """What was answered to a message."""

    position: Annotated[int, Field(description="Send the last one as `after` for what comes behind it.")]
    at: datetime
    message_id: str | None
    model: dict[str, Any] | None = None
    rows: Annotated[list[dict[str, Any]], Field(default_factory=list)]
    reason: Annotated[str | None, Field(description="Why it could not be judged.")] = None
    collected: Annotated[int, Field(description="Rows that no model judged, and that become data.")] = 0


class DeadLetterShown(Shown):
    """A message that could not be judged."""

    id: str
    message_id: str | None
    reason: str
    body: Annotated[str, Field(description="As it came; the first 100,000 characters.")]
    created_at: datetime


class Resent(Shown):
    """The message waits again, under another id."""

    message_id: str
