"""What may go wrong between us and MLflow."""

from __future__ import annotations

from utils import Conflict, Unavailable


class MlflowAway(Unavailable):
    """It does not answer, is overloaded, or does not let us in: nothing that is asked now would succeed."""


class MlflowRefused(Conflict):
    """It answers, and does not do this one thing."""


class LeaseLost(Exception):
    """Somebody else logs the job by now, or this process is to end: whatever is left is not ours."""
