"""What the baselines have in common with the platform, so that only the serving differs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnxruntime

from datasets.images import decode
from inference.protocol import ModelCard
from inference.registry import vision_predictor
from inference.vision import VisionPredictor

MOST_PIXELS = 50_000_000


def predictor_of(folder: Path, threads: int = 0, spin: bool = True) -> VisionPredictor:
    """A model of a folder on a plain session.

    Args:
        threads: of one run; 0 is the runtime's own choice.
        spin: the runtime's own choice is that they do.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spin else "0")
    card = ModelCard.model_validate_json((folder / "card.json").read_text())
    session = onnxruntime.InferenceSession(
        str(folder / "model.onnx"), options, providers=onnxruntime.get_available_providers()
    )
    return vision_predictor(session, card)


def answer_to(content: bytes, predictor: VisionPredictor) -> dict[str, Any]:
    """From an image file to what goes out as JSON."""
    found = predictor.predict(decode(content, MOST_PIXELS))
    return {
        "predictions": [{"class": item.class_name, "confidence": item.confidence, "box": item.box_px} for item in found]
    }
