"""A database that is silent is not asked by a whole crowd, and one that is back is not called silent."""

from __future__ import annotations

import time

import pytest

from api.platform import Platform
from settings import Settings
from storage.store import Store
from utils import Unavailable


def test_who_waited_in_vain_spares_others_the_wait_unless_the_database_is_back(settings: Settings, store: Store):
    platform = Platform(lambda: settings, lambda given: given)
    began = time.monotonic()
    platform.database_answered()
    platform.database_was_silent(began)
    assert platform.services.store.answers()
    platform.database_was_silent(time.monotonic())
    with pytest.raises(Unavailable, match="does not answer"):
        _ = platform.services
    platform._services.store.close()
