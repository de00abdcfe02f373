"""`/api/v1/published/<project>/predict-csv`: predictions for a whole file, with as many rows as it has."""

from __future__ import annotations

import itertools
import json
import tempfile
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any, BinaryIO, cast

from flask import Response, request
from werkzeug.exceptions import UnsupportedMediaType

from api.downloads import disposition
from api.operation import Content, operation
from api.predicting import PredictingResource
from api.streams import ending
from datasets.registry import SERIES, TABLE
from datasets.tables.bounds import Bounds
from inference.answers import Answer
from inference.tabular.csv_rows import engine_predictions, with_predictions
from utils import DomainError, TooLarge, TooManyRequests, Unavailable

CSV = "text/csv"
WARNINGS = "Diyml-Warnings"
_MOST_HEADER_CHARACTERS = 4_000
ROWS_AT_ONCE = 1_000
_CHUNK_BYTES = 1024 * 1024
_IN_MEMORY_BYTES = 8 * 1024 * 1024
_TRIES = 20


class CsvPredictions(PredictingResource):
    """Predictions for a file of rows."""

    @cached_property
    def given(self) -> dict[str, Any]:
        """The parameters come in the query; the body is the file."""
        return request.args.to_dict()

    def reads(self) -> bool:
        """Always: nothing is kept."""
        return True

    @operation(
        gives=Content(CSV),
        errors=(404, 409, 413, 415, 429),
        body=(CSV,),
        headers={WARNINGS: "warnings about the first thousand rows, as JSON"},
    )
    def post(self, project: str) -> Response:
        """Give the file back with what was predicted added to each row.

        That is `predicted`, and `confidence` of a class; of time series `score`, `anomaly` and `change_point`.

        The file is read as imports read text; a file of more than
        `DIYML_MAX_PREDICTED_BYTES` goes to a prediction job. The answer begins once the first
        thousand rows are predicted, so what is wrong with these is refused; a mistake further on ends the answer
        early, without its last chunk.
        """
        if request.mimetype != CSV:
            raise UnsupportedMediaType(f"the body must be {CSV}, got '{request.mimetype or 'nothing'}'")
        found = self.published(project, (TABLE, SERIES))
        most = self.services.settings.max_predicted_bytes
        request.max_content_length = most + 1
        if (request.content_length or 0) > most:
            raise _too_large(most)
        release = self.services.streams.admit(self.user.id)
        warnings: list[str] = []
        file = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115 - closed with the answer

        def close() -> None:
            file.close()
            release()

        try:
            # All of it first: who sends a file and reads the answer later would wait for us, and we for them.
            while chunk := request.stream.read(_CHUNK_BYTES):
                file.write(chunk)
                if file.tell() > most:
                    raise _too_large(most)
            file.seek(0)
            predict = engine_predictions(
                self.services.engine, found.served_model_id, str(self.user.id), patiently, warnings.extend
            )
            pieces = with_predictions(cast(BinaryIO, file), Bounds(file=most), ROWS_AT_ONCE, predict)
            begun = list(itertools.islice(pieces, 2))
        except BaseException:
            close()
            raise
        headers = {"Content-Disposition": disposition("attachment", f"{found.name}-predictions.csv")}
        if warnings:
            headers[WARNINGS] = _header(warnings)
        response = Response(ending(close, itertools.chain(begun, pieces)), mimetype=CSV, headers=headers)
        response.call_on_close(close)  # an answer that nobody began to read does not end
        return response


def _header(warnings: list[str]) -> str:
    """As many of the warnings as a header holds, as JSON in ASCII."""
    kept: list[str] = []
    for warning in warnings:
        if len(json.dumps([*kept, warning])) > _MOST_HEADER_CHARACTERS:
            break
        kept.append(warning)
    return json.dumps(kept)


def _too_large(most: int) -> TooLarge:
    return TooLarge(
        f"the file has more than {most:,} bytes, which is the most that is predicted in the answer: send it to "
        "POST /api/v1/published/<project>/prediction-jobs, which gives the predictions as a file when they are made"
    )


def patiently(call: Callable[[], Answer]) -> Answer:
    """Whoever has begun to answer waits for a turn rather than breaking off.

    Raises:
        DomainError: of the last try.
    """
    for _ in range(_TRIES):
        try:
            return call()
        except (TooManyRequests, Unavailable) as busy:
            refusal: DomainError = busy
            time.sleep(min(busy.retry_after_seconds or 1, 5))  # as long as it says
    raise refusal
