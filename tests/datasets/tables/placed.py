"""Tables that tests put into projects, by the code that imports them."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

from datasets.imports.interrupts import Interrupts
from datasets.imports.options import ImportOptions
from datasets.tables.changing import change_settings
from datasets.tables.importing import TableImport
from datasets.tables.settings import TableSettings
from storage.project import Project
from storage.store import Store
from storage.tables import Table


def import_file(store: Store, project: Project, content: bytes, filename: str = "table.csv") -> None:
    """Import a data file as a worker does."""
    record = store.imports.create(project.id, project.owner_id, len(content), filename, ImportOptions().to_row())
    with tempfile.TemporaryDirectory() as folder:
        run = TableImport(store, record, Path(folder), Interrupts(), lambda **fields: None, lambda finding: None)
        run.run(io.BytesIO(content))


def place_table(store: Store, project: Project, content: bytes, **settings: Any) -> Table:
    """Import a data file and set the settings of `TableSettings`."""
    import_file(store, project, content)
    return change_settings(store, project, lambda now: TableSettings(**settings))
