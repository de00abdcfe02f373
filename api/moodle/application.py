"""The backend as an application of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from api.moodle.answering import told
from api.moodle.backend import Backends, alone
from api.moodle.routes import blueprint
from settings import Settings


def build_moodle_app(read: Callable[[], Settings], ensure: Callable[[Settings], Settings]) -> Flask:
    """The WSGI application; does no IO.

    Args:
        read: gives the settings, at first use.
        ensure: gives them with a database to use, when one is needed.
    """
    app = Flask("moodlemlbackend", static_folder=None)
    settings = cache(read)
    backends = Backends(settings, lambda: alone(settings(), ensure))
    app.extensions["diyml_moodle"] = backends
    app.register_blueprint(blueprint(backends))

    @app.get("/health")
    def health() -> Response:
        return Response('{"status": "ok"}', mimetype="application/json")

    app.register_error_handler(HTTPException, told)
    return app
