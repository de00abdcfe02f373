"""Two installations."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from settings import Settings
from storage.store import Store
from storage.users import User
from tests.conftest import empty


@pytest.fixture(scope="module")
def another_settings(session_settings: Settings) -> Settings:
    return dataclasses.replace(session_settings, database=f"{session_settings.database}_other")


@pytest.fixture(scope="module")
def another_store(another_settings: Settings) -> Iterator[Store]:
    store = Store(another_settings)
    store.prepare()
    yield store
    store.close()


@pytest.fixture
def another(another_store: Store) -> Iterator[Store]:
    """The empty store of another installation."""
    yield another_store
    empty(another_store.database)


@pytest.fixture
def user(another: Store) -> User:
    return another.users.create("linus", b"long enough")
