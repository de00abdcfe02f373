"""The front door: `create_app()`, `app`, and `python3 DIYML.py` to start everything."""

from __future__ import annotations

import sys

from flask import Flask

from api.application import build_app
from launch.backend import ensure
from launch.cli import main
from utils import Settings


def create_app(settings: Settings | None = None) -> Flask:
    """The application; connects, and starts what is needed, at its first use.

    Args:
        settings: read from the environment when not given.
    """
    return build_app((lambda: settings) if settings else Settings.from_environment, ensure)


app = create_app()

if __name__ == "__main__":
    sys.exit(main())
