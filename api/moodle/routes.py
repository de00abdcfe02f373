"""The eight routes: the table, and what each does."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from flask import Blueprint, Response, request

from api.access import INFER, READ, TRAIN, WRITE, Access
from api.moodle import sent
from api.moodle.answering import answered
from api.moodle.backend import Backend, Backends
from api.moodle.callers import owner_of_call
from api.moodle.waiting import Work, answer_of, as_json
from moodle.ids import ModelIds
from moodle.temporary import temporary
from moodle.wishes import rounds, score
from utils import NotFound, Unavailable

Answering = Callable[[Backend, str, Path], Response | Work]


class MoodleRoute(NamedTuple):
    """One URL: its method, what a token must be good for, and what answers, given backend, owner and folder."""

    path: str
    method: str
    access: Access
    answer: Answering


def _train(backend: Backend, owner: str, folder: Path) -> Work:
    ids, data = sent.ids(owner), sent.save("dataset", folder)
    sent.stash(backend, {"dataset": data})
    return Work(lambda: backend.engine.train(ids, data))


def _predict(backend: Backend, owner: str, folder: Path) -> Response | Work:
    ids, data = sent.ids(owner), sent.save("dataset", folder)
    sent.stash(backend, {"dataset": data})
    if backend.engine.predicts_at_once(data):
        return as_json(backend.engine.predict(ids, data))
    return Work(lambda: backend.engine.predict(ids, data))


def _evaluate(backend: Backend, owner: str, folder: Path) -> Work:
    ids = sent.ids(owner)
    trained = sent.ids(owner, "trainedmodeldirhash") if request.values.get("trainedmodeldirhash") else None
    wish = {
        "min_score": score("minscore", sent.text("minscore")),
        "max_deviation": score("maxdeviation", sent.text("maxdeviation")),
        "rounds": rounds("niterations", sent.text("niterations")),
    }
    data = sent.save("dataset", folder)
    sent.stash(backend, {"dataset": data})
    gone = threading.Event()
    return Work(
        lambda: backend.engine.evaluate(ids, data, wish, trained, given_up=gone.is_set),
        has_run=True,
        give_up=gone.set,
    )


def _evaluation_log(backend: Backend, owner: str, folder: Path) -> Response:
    ids, run_id = sent.ids(owner), sent.whole("runid")
    sent.stash(backend, {})
    return _zip(backend.engine.log(ids, run_id), f"log-{run_id}.zip")


def _export(backend: Backend, owner: str, folder: Path) -> Response:
    ids = sent.ids(owner)
    sent.stash(backend, {})
    try:
        return _zip(backend.engine.export(ids), "model.zip")
    except NotFound as error:
        raise Unavailable(error.detail) from error  # the status that the protocol has for it


def _import(backend: Backend, owner: str, folder: Path) -> Response:
    ids, archive = sent.ids(owner), sent.save("importzip", folder)
    sent.stash(backend, {"importzip": archive})
    backend.engine.import_zip(ids, archive)
    return _text("Ok")


def _delete(backend: Backend, owner: str, folder: Path) -> Response:
    ids = ModelIds(owner, sent.text("uniqueid"))
    sent.stash(backend, {})
    backend.engine.delete(ids)
    return _text("Ok")


MOODLE_ROUTES: tuple[MoodleRoute, ...] = (
    MoodleRoute("/training", "POST", TRAIN, _train),
    MoodleRoute("/prediction", "POST", INFER, _predict),
    MoodleRoute("/evaluation", "POST", TRAIN, _evaluate),
    MoodleRoute("/evaluationlog", "GET", READ, _evaluation_log),
    MoodleRoute("/export", "GET", READ, _export),
    MoodleRoute("/import", "POST", WRITE, _import),
    MoodleRoute("/deletemodel", "POST", WRITE, _delete),
)


def blueprint(backends: Backends) -> Blueprint:
    """The routes over a backend."""
    routes = Blueprint("moodle", __name__)
    version = answered("GET", lambda: _text(backends.settings().moodle_version))
    # Both methods lead here, so that the wrong one is told in the same way as everything else.
    routes.add_url_rule("/version", "version", version, methods=["GET", "POST"])
    for route in MOODLE_ROUTES:
        call = answered(route.method, functools.partial(_call, backends, route))
        routes.add_url_rule(route.path, route.path.strip("/"), call, methods=["GET", "POST"])
    return routes


def _call(backends: Backends, route: MoodleRoute) -> Response:
    settings = backends.settings()
    request.max_content_length = settings.moodle_request_bytes
    backend = backends.get()
    owner = owner_of_call(backend, route.access)
    if route.access == TRAIN:
        backend.engine.get_ready()  # while the file is still on its way
    with ExitStack() as stack:
        folder = stack.enter_context(temporary(settings))
        answer = route.answer(backend, owner, Path(folder))
        if isinstance(answer, Response):
            return answer
        return answer_of(answer, stack.pop_all().close, settings.moodle_alive_seconds)


def _text(text: str) -> Response:
    return Response(text, mimetype="text/plain")


def _zip(content: bytes, name: str) -> Response:
    response = Response(content, mimetype="application/zip")
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response
