"""The WSGI application of Moodle's backend alone: `gunicorn moodlemlbackend.webapp:app`."""

from __future__ import annotations

import logging

from api.moodle.application import build_moodle_app
from launch.backend import ensure
from launch.family import LaunchError
from settings import Settings
from storage.mongod import MongodError
from utils import Unavailable

logger = logging.getLogger(__name__)


def _ensure(settings: Settings) -> Settings:
    """As `ensure`, for a caller over HTTP: the reason is the operator's, and stands in the log."""
    try:
        return ensure(settings)
    except (LaunchError, MongodError) as error:
        logger.error("no database: %s", error)
        raise Unavailable("the backend has no database at the moment", retry_after_seconds=10) from error


app = build_moodle_app(Settings.from_environment, _ensure)
