"""The front door: `create_app()`, `app`, and `python3 DIYML.py` to start everything."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from launch.backend import ensure
from launch.cli import main
from launch.family import LaunchError
from settings import Settings
from storage.mongod import MongodError
from utils import Unavailable

if TYPE_CHECKING:
    from flask import Flask

logger = logging.getLogger(__name__)


def create_app(settings: Settings | None = None) -> Flask:
    """The application; connects, and starts what is needed, at its first use.

    Args:
        settings: read from the environment when not given.
    """
    from api.application import build_app  # takes longer to import than all that the command line needs

    return build_app((lambda: settings) if settings else Settings.from_environment, _ensure)


def _ensure(settings: Settings) -> Settings:
    """As `ensure`, for a caller over HTTP: the reason is the operator's, and stands in the log."""
    try:
        return ensure(settings)
    except (LaunchError, MongodError) as error:
        logger.error("no database: %s", error)
        raise Unavailable("the platform has no database at the moment", retry_after_seconds=10) from error


if __name__ == "__main__":
    sys.exit(main())

app = create_app()
