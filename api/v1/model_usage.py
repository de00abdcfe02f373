"""`/api/v1/models/<model_id>/usage`: how often a model was called, and how long that took."""

from __future__ import annotations

from typing import Any

from api.operation import operation
from api.pagination import whole
from api.v1.located import ModelResource
from api.v1.model_answers import UsageShown
from api.v1.schemas import UsageQuery
from storage.usage import Calls


class ModelUsage(ModelResource):
    """Calls of one model."""

    @operation(takes=UsageQuery, gives=UsageShown)
    def get(self, wish: UsageQuery) -> dict[str, Any]:
        """Each day with calls, newest first, and all of them together; for the owner."""
        days = self.services.store.usage.by_day(self.model.id, wish.days)
        total = Calls()
        for calls in days.values():
            total.add(calls)
        shown = [{"date": day.isoformat(), **_shown(calls)} for day, calls in days.items()]
        return {**whole(shown), "total": {"days": wish.days, **_shown(total)}}


def _shown(calls: Calls) -> dict[str, Any]:
    return {
        "calls": calls.count,
        "errors": calls.errors.total(),
        "errors_by_code": dict(sorted(calls.errors.items())),
        "p50_ms": _ms(calls.percentile_seconds(0.5)),
        "p95_ms": _ms(calls.percentile_seconds(0.95)),
    }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else float(f"{seconds * 1000:.3g}")
