"""Two installations."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from settings import Settings
from storage.store import Store
from storage.users import User


@pytest.fixture(scope="module")
def another_settings(session_settings: Settings) -> Settings:
    return dataclasses.replace(session_settings, database=f"{session_settings.database}_other")


@pytest.fixture
def another(another_settings: Settings) -> Iterator[Store]:
    """The store of another installation."""
    store = Store(another_settings)
    store.prepare()
    yield store
    for name in store.database.list_collection_names():
        store.database[name].delete_many({})
    store.close()


@pytest.fixture
def user(another: Store) -> User:
    return another.users.create("linus", b"long enough")
