"""Which project types are about a table, and in which formats one comes."""

from __future__ import annotations

from datasets.registry import KINDS
from datasets.tables.kind import TableKind

FORMATS = ("csv", "tsv", "parquet")
# Of an import that takes in rows that came by themselves; nobody else asks for it.
ROWS = "rows"


def holds_table(project_type: str) -> bool:
    """Whether a project of this type has a table instead of images."""
    return isinstance(KINDS[project_type], TableKind)
