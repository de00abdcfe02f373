"""The front door: `create_app()`, `app`, and `python3 DIYML.py` to start everything."""

from __future__ import annotations

import logging
import sys

from flask import Flask

from api.application import build_app
from launch.backend import ensure
from launch.cli import main
from launch.family import LaunchError
from settings import Settings
from storage.mongod import MongodError
from utils import Unavailable

logger = logging.getLogger(__name__)


def create_app(settings: Settings | None = None) -> Flask:
    """The application; connects, and starts what is needed, at its first use.

    Args:
        settings: read from the environment when not given.
    """
    return build_app((lambda: settings) if settings else Settings.from_environment, _ensure)


def _ensure(settings: Settings) -> Settings:
    """As `ensure`, for a caller over HTTP: the reason is the operator's, and stands in the log."""
    try:
        return ensure(settings)
    except (LaunchError, MongodError) as error:
        logger.error("no database: %s", error)
        raise Unavailable("the platform has no database at the moment", retry_after_seconds=10) from error


app = create_app()

if __name__ == "__main__":
    sys.exit(main())
