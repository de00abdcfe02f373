"""What calls about prediction jobs take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from api.names import Number, Text
from api.operation import Request, Shown
from storage.import_record import ImportState


class NewPredictionJob(Request):
    """A CSV file that is going to be uploaded; `size` in bytes."""

    size: Annotated[int, Field(ge=1), Number]
    filename: Annotated[Text, Field(max_length=255)] = ""
    webhook: Annotated[
        Text | None,
        Field(description="Id of a webhook that is told of the end; of a project in which you may change webhooks."),
    ] = None


class ResultQuery(Request):
    """As what the predictions are wanted."""

    format: Annotated[
        Literal["csv.gz", "csv"], Field(description="As it is stored, whole or a range; or unpacked, whole.")
    ] = "csv.gz"


class PredictionJobShown(Shown):
    """A prediction job."""

    id: str
    project: Annotated[str, Field(description="Whose model predicts, by the name that it had.")]
    project_id: str
    model_id: str
    state: ImportState
    progress: Annotated[float, Field(ge=0, le=1)]
    rows: Annotated[int, Field(ge=0, description="Predicted so far.")]
    filename: str
    offset: Annotated[int, Field(ge=0, description="Bytes that are stored.")]
    size: Annotated[int, Field(ge=1, description="Bytes of the whole file.")]
    error: str | None
    warnings: Annotated[list[str], Field(description="About the first thousand rows, such as columns not there.")]
    attempt: int
    cancel_requested: bool
    webhook_id: str | None
    created_at: datetime
    updated_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: Annotated[
        datetime | None, Field(description="When an upload without further bytes, or an ended job, is deleted.")
    ]
    upload_url: str
    result_url: Annotated[str | None, Field(description="Where the predictions are; null until they are made.")]
    result_bytes: int | None
    result_sha256: str | None
