"""What calls about alerts take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from api.names import Lookup, Name, Number, Text
from api.operation import Request, Shown
from api.v1.notification_schemas import NoNull
from api.v1.schemas import PageQuery

KindName = Literal["score", "rate", "silence"]
MOST_WEBHOOKS = 10
_DAY_SECONDS = 24 * 3600
_WEBHOOKS = "Ids of webhooks of the project; null for all of them. Each gets what its `events` say."
_PARAMETERS = (
    "Of the kind. score: level, rows, of, clear_level, clear_rows. rate: count or share, rows or seconds, least_rows, "
    "clear. silence: seconds. What is left out has its default."
)

Cooldown = Annotated[float, Field(ge=0, le=30 * _DAY_SECONDS, description="No further incident of a key so soon.")]
Webhooks = Annotated[list[Text] | None, Field(max_length=MOST_WEBHOOKS, description=_WEBHOOKS)]
Values = Annotated[dict[str, Any], Field(description=_PARAMETERS)]


class NewAlertRule(Request):
    """A rule to be made."""

    name: Name
    kind: KindName
    parameters: Values = Field(default_factory=dict)
    cooldown_seconds: Annotated[Cooldown, Number] = 300.0
    active: bool = True
    webhooks: Webhooks = None
    mail: Annotated[bool, Field(description="Tell the owner of the project by mail.")] = True
    webhook_picture: Annotated[bool, Field(description="Send the picture in messages to webhooks, in base64.")] = False


class AlertRuleChange(Request):
    """What of a rule is to be otherwise; the rest stays. `parameters` are replaced as a whole."""

    name: Annotated[Name | None, NoNull] = None
    parameters: Annotated[Values | None, NoNull] = None
    cooldown_seconds: Annotated[Cooldown | None, Number, NoNull] = None
    active: Annotated[bool | None, NoNull] = None
    webhooks: Webhooks = None
    mail: Annotated[bool | None, NoNull] = None
    webhook_picture: Annotated[bool | None, NoNull] = None


class IncidentsQuery(PageQuery):
    """Which incidents."""

    state: Literal["open", "closed"] | None = None
    rule: Lookup | None = None
    key: Lookup | None = None


class AlertRuleShown(Shown):
    """A rule."""

    id: str
    project_id: str
    name: str
    kind: KindName
    parameters: dict[str, Any]
    cooldown_seconds: float
    active: bool
    webhooks: list[str] | None
    mail: bool
    webhook_picture: bool
    created_at: datetime
    revision: Annotated[int, Field(description="The ETag.")]


class TrialShown(Shown):
    """To whom a trial goes."""

    webhooks: Annotated[list[str], Field(description="Ids of the webhooks.")]
    mail: Annotated[bool, Field(description="To the owner of the project, too.")]


class ShareShown(Shown):
    """A sensor's share in a score."""

    sensor: str
    share: float


class IncidentShown(Shown):
    """An incident."""

    id: str
    project_id: str
    rule_id: str
    rule_name: str
    kind: str
    key: Annotated[str, Field(description="What it is about, such as a sensor.")]
    state: Literal["open", "closed"]
    began_at: Annotated[datetime, Field(description="By the rows' own time, where they have one.")]
    ended_at: datetime | None
    duration_seconds: float | None
    opened_at: Annotated[datetime, Field(description="When it was noticed.")]
    closed_at: datetime | None
    reason: Annotated[str | None, Field(description="Why it is over.")]
    rows: Annotated[int, Field(ge=0, description="Rows that the rule is about.")]
    worst_score: float | None
    top: Annotated[list[ShareShown], Field(description="In the worst score, the largest first.")]
    acknowledged_at: datetime | None
    acknowledged_by: Annotated[str | None, Field(description="A user name.")]
    picture_url: Annotated[str | None, Field(description="Null until there is a picture.")]
