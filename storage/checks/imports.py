"""Checks of imports: who holds one."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from storage.checks.check import Finding, Look
from storage.import_record import Import

_NOBODY = "no worker held its lease any more"


def every_running_import_has_a_live_lease(look: Look) -> Iterator[Finding]:
    """By the clock of the database server."""
    for record in look.each(look.store.import_runs.expired()):
        yield Finding(
            f"import {record.id} of {look.project(record.project_id)}: it runs, and its lease has run out",
            "start a worker, which takes it over",
            functools.partial(_release, look, record),
        )


def _release(look: Look, record: Import) -> str:
    return "given back to the queue, or ended" if look.store.import_runs.release(record, _NOBODY) else ""
