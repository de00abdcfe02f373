"""Signs of life for a client that waits for work.

A proxy gives up on a connection on which nothing comes for a minute. JSON may begin with blanks, so blanks are sent
until the answer is there. The status goes before them: once the first is sent it is 200, and what goes wrong after that
is told as the protocol tells it, by a `status` within the answer.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass

from flask import Response

from api.moodle.answering import told
from moodle.status import Answer, failed

_SIGN = b" "


@dataclass(frozen=True)
class Work:
    """What an answer has to be waited for.

    Attributes:
        call: gives the answer.
        has_run: whether the client asks for the log of a run next, whatever became of it.
        give_up: is called when the client has the answer, or has gone, as a failed sign of life tells; None for what is
            done nevertheless.
    """

    call: Callable[[], Answer]
    has_run: bool = False
    give_up: Callable[[], None] | None = None


def answer_of(work: Work, done: Callable[[], None], pause_seconds: float) -> Response:
    """The answer, with its status when it is there within the first pause.

    Args:
        done: is called when the work has ended, which may be after the client has gone.
        pause_seconds: between signs of life; 0: there are none.
    """
    answer: Future[Answer] = Future()
    threading.Thread(target=_do, args=(work.call, done, answer), daemon=True).start()
    wait([answer], pause_seconds or None)
    if answer.done():
        return as_json(answer.result())
    response = Response(_signs(work, answer, pause_seconds), mimetype="application/json")
    if work.give_up:
        response.call_on_close(work.give_up)
    return response


def as_json(answer: Answer) -> Response:
    """An answer of the protocol."""
    return Response(json.dumps(answer, allow_nan=False), mimetype="application/json")


def _do(call: Callable[[], Answer], done: Callable[[], None], answer: Future[Answer]) -> None:
    try:
        try:
            found = call()
        finally:
            done()
    except Exception as error:  # raised again, or told, where the answer is waited for
        answer.set_exception(error)
    else:
        answer.set_result(found)


def _signs(work: Work, answer: Future[Answer], pause_seconds: float) -> Iterator[bytes]:
    yield _SIGN
    while not wait([answer], pause_seconds).done:
        yield _SIGN
    yield json.dumps(_late(work, answer), allow_nan=False).encode()


def _late(work: Work, answer: Future[Answer]) -> Answer:
    error = answer.exception()
    if error is None:
        return answer.result()
    sentence = told(error).get_data(as_text=True) if isinstance(error, Exception) else "It was interrupted."
    return failed(sentence, **({"runid": time.time_ns() // 1000} if work.has_run else {}))
