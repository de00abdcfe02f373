"""Whether a project is ready to be trained: what is missing, and what a person had better look at first."""

from __future__ import annotations

from dataclasses import dataclass

from datasets.findings import Finding
from datasets.kinds import Snapshot
from datasets.registry import KINDS
from storage.projects import Project
from training.registry import TRAINERS


@dataclass(frozen=True)
class Readiness:
    """Whether a training may start.

    Attributes:
        reasons: what keeps it from starting.
        warnings: what may disappoint; nothing that is a reason already.
    """

    reasons: tuple[Finding, ...]
    warnings: tuple[Finding, ...]

    @property
    def ready(self) -> bool:
        """Whether nothing keeps it."""
        return not self.reasons


def readiness(snapshot: Snapshot, project: Project) -> Readiness:
    """How ready a project is."""
    reasons = missing(snapshot)
    codes = {reason.code for reason in reasons}
    advice = KINDS[snapshot.project_type].advice(snapshot, project)
    return Readiness(tuple(reasons), tuple(warning for warning in advice if warning.code not in codes))


def missing(snapshot: Snapshot) -> list[Finding]:
    """What keeps a training from starting; empty when nothing does."""
    kind = KINDS[snapshot.project_type]
    return [*TRAINERS[snapshot.project_type].check(snapshot), *kind.missing(snapshot)]
