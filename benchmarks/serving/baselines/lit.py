"""The same session behind LitServe.

python -m benchmarks.serving.baselines.lit FOLDER PORT WORKERS [--fast-queue]
"""

# Without `from __future__ import annotations`: LitServe looks at the annotations themselves.
import argparse
import os
from pathlib import Path
from typing import Annotated, Any

import litserve
from fastapi import Body

from benchmarks.serving.baselines.answer import answer_to, predictor_of


class Api(litserve.LitAPI):
    """One model; each of LitServe's workers holds a session, and together they have a thread a core."""

    def __init__(self, folder: Path, workers: int):
        super().__init__()
        self._folder = folder
        self._threads = max(1, len(os.sched_getaffinity(0)) // workers)

    def setup(self, device: str) -> None:
        """Open the session once, and warm it with the first request."""
        self._predictor = predictor_of(self._folder, self._threads)

    def decode_request(self, request: Annotated[bytes, Body(media_type="image/jpeg")]) -> bytes:
        """The image file itself, as the others get it."""
        return request

    def predict(self, x: bytes) -> dict[str, Any]:
        """Decode, run and choose."""
        return answer_to(x, self._predictor)

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        """LitServe writes the JSON."""
        return output


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("workers", type=int)
    parser.add_argument("--fast-queue", action="store_true")
    given = parser.parse_args()
    server = litserve.LitServer(
        Api(given.folder, given.workers),
        accelerator="cpu",
        workers_per_device=given.workers,
        timeout=False,
        fast_queue=given.fast_queue,
    )
    server.run(host="127.0.0.1", port=given.port, generate_client_file=False, log_level="warning")


if __name__ == "__main__":
    main()
