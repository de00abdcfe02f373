"""The check of indexes."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from storage.checks.check import Finding, Look
from storage.indexes import Index, Indexes


def every_index_is_there_as_it_is_declared(look: Look) -> Iterator[Finding]:
    """The rules of uniqueness hang on them, and the time that a request takes."""
    indexes = Indexes(look.store.database)
    for index in look.each(indexes.declared(look.settings)):
        there = {other.name: other for other in indexes.there(index.collection)}
        if not index.is_like(there.get(index.name)):
            what = "has other keys or options than declared" if index.name in there else "is missing"
            unique = ", and with it a rule of uniqueness" if index.options.get("unique") else ""
            yield Finding(
                f"index '{index.name}' of the collection '{index.collection}': it {what}{unique}",
                "start DIYML, which makes what is missing",
                functools.partial(_build, indexes, index),
            )


def _build(indexes: Indexes, index: Index) -> str:
    indexes.build(index)
    return "built"
