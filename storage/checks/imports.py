"""Checks of imports and of prediction jobs: who holds one."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from storage.checks.check import Finding, Look
from storage.import_record import Import
from storage.import_runs import ImportRuns

_NOBODY = "no worker held its lease any more"


def every_running_import_has_a_live_lease(look: Look) -> Iterator[Finding]:
    """By the clock of the database server; of prediction jobs as well."""
    for noun, runs in (("import", look.store.import_runs), ("prediction job", look.store.prediction_runs)):
        for record in look.each(runs.expired()):
            yield Finding(
                f"{noun} {record.id} of {look.project(record.project_id)}: it runs, and its lease has run out",
                "start a worker, which takes it over",
                functools.partial(_release, runs, record),
            )


def _release(runs: ImportRuns, record: Import) -> str:
    return "given back to the queue, or ended" if runs.release(record, _NOBODY) else ""
