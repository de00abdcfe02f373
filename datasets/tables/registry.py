"""Which project types are about a table, and in which formats one comes."""

from __future__ import annotations

FORMATS = ("csv", "tsv", "parquet")
TABLE_TYPES = frozenset(["tabular"])


def holds_table(project_type: str) -> bool:
    """Whether a project of this type has a table instead of images."""
    return project_type in TABLE_TYPES
