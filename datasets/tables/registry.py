"""Which project types are about a table, and in which formats one comes."""

from __future__ import annotations

from datasets.registry import KINDS, TABLE

FORMATS = ("csv", "tsv", "parquet")


def holds_table(project_type: str) -> bool:
    """Whether a project of this type has a table instead of images."""
    return KINDS[project_type] is TABLE
