"""A model behind Flask as one writes it first: a view that opens the model for every request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Flask, request

from benchmarks.serving.baselines.answer import answer_to, predictor_of


def create_app(folder: str) -> Flask:
    """An application that serves every model of a folder by its name."""
    app = Flask(__name__)

    @app.get("/health")
    def health() -> str:
        return "ok"

    @app.post("/<name>")
    def predict(name: str) -> dict[str, Any]:
        return answer_to(request.get_data(), predictor_of(Path(folder) / name))

    return app
