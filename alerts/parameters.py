"""What can be set of each kind of rules; what is left out is filled in, so that a rule shows all of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

_MOST_ROWS = 10_000
_DAY_SECONDS = 24 * 3600
_USUAL_CLEARING = 0.9
_FEWEST_FOR_A_SHARE = 10


class Parameters(BaseModel):
    """The base of all."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class ScoreParameters(Parameters):
    """An incident begins when `rows` of the last `of` rows score over `level`, and is over when `clear_rows` rows in a
    row score under `clear_level`.
    """

    level: Annotated[float, Field(gt=0, le=1e6, description="1 is the model's threshold.")] = 1.0
    rows: Annotated[int, Field(ge=1, le=_MOST_ROWS)] = 3
    of: Annotated[int, Field(ge=1, le=_MOST_ROWS)] = 5
    clear_level: Annotated[float | None, Field(gt=0, le=1e6, description="0.9 of `level` where left out.")] = None
    clear_rows: Annotated[int | None, Field(ge=1, le=_MOST_ROWS, description="As `of` where left out.")] = None

    @model_validator(mode="after")
    def _whole(self) -> ScoreParameters:
        if self.rows > self.of:
            raise ValueError(
                f"rows must be at most `of`, since it is {self.rows} of the last {self.of} rows that count"
            )
        if self.clear_level is None:
            self.clear_level = self.level * _USUAL_CLEARING
        if self.clear_level > self.level:
            raise ValueError(
                f"clear_level must be at most `level`, {self.level:g}, or an incident would end as it began"
            )
        self.clear_rows = self.of if self.clear_rows is None else self.clear_rows
        return self


class RateParameters(Parameters):
    """An incident begins when the anomalous rows among the last `rows` rows, or of the last `seconds`, are `count` or
    more, or a `share` of them or more; it is over when they are down to `clear` of that.
    """

    count: Annotated[int | None, Field(ge=1, le=1_000_000)] = None
    share: Annotated[float | None, Field(gt=0, le=1)] = None
    rows: Annotated[int | None, Field(ge=1, le=_MOST_ROWS)] = None
    seconds: Annotated[float | None, Field(ge=1, le=30 * _DAY_SECONDS)] = None
    least_rows: Annotated[
        int | None,
        Field(ge=1, le=_MOST_ROWS, description="A share of fewer tells nothing; a full window, or 10, if left out."),
    ] = None
    clear: Annotated[float, Field(ge=0, lt=1)] = 0.5

    @model_validator(mode="after")
    def _whole(self) -> RateParameters:
        if (self.count is None) == (self.share is None):
            raise ValueError("send either `count` or `share`: how many anomalous rows begin an incident")
        if (self.rows is None) == (self.seconds is None):
            raise ValueError("send either `rows` or `seconds`: how far back rows count")
        if self.rows and self.count and self.count > self.rows:
            raise ValueError(f"count must be at most `rows`, {self.rows}: there are no more to count")
        if self.rows and self.least_rows and self.least_rows > self.rows:
            raise ValueError(f"least_rows must be at most `rows`, {self.rows}: there are never more")
        self.least_rows = self.least_rows or self.rows or _FEWEST_FOR_A_SHARE
        return self


class SilenceParameters(Parameters):
    """An incident begins when no row of a key that has sent one since the rule counts comes for `seconds`; the next row
    ends it.
    """

    seconds: Annotated[float, Field(ge=1, le=30 * _DAY_SECONDS)] = 60.0
