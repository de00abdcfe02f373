"""Makes a model smaller as a job does, and looks at what comes of it."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from datasets.snapshot import Dataset
from inference.check import check_model
from inference.registry import vision_predictor
from inference.sessions import open_session
from inference.vision import VisionPredictor
from tests.training.recorder import Recorder
from training.protocol import TrainedModel, Workspace
from training.quantization.run import Quantization, Source


def quantized(
    dataset: Dataset, model: TrainedModel, folder: Path, force: bool = False, most_points_lost: float = 1.0
) -> tuple[TrainedModel, Recorder]:
    """The int8 version of a model, and what was told meanwhile."""
    folder.mkdir()
    workspace = Workspace(folder, folder / "no weights", download_weights=False, yolo_model="yolo26n")
    source, report = Source(model.onnx_path, model.card, "6b04", 3, force), Recorder()
    return Quantization(dataset, source, workspace, report, most_points_lost).run(), report


def predictor(model: TrainedModel) -> VisionPredictor:
    """What serves the model."""
    return vision_predictor(open_session(model.onnx_path), model.card)


def assert_smaller_and_fit_to_serve(before: TrainedModel, now: TrainedModel) -> None:
    """Look at the file and the card of an int8 version."""
    content = now.onnx_path.read_bytes()
    check_model(content)
    graph = onnx.load_from_string(content)
    assert {opset.domain for opset in graph.opset_import} == {""}
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in graph.graph.node}
    assert len(content) < before.onnx_path.stat().st_size / 2
    assert (now.card.precision, before.card.precision) == ("int8", "float32")
    facts = now.card.quantization
    assert facts is not None
    assert facts["bytes"] == {"float32": before.onnx_path.stat().st_size, "int8": len(content)}
    assert set(facts["milliseconds"]) == {"float32", "int8"}
    assert (facts["from_model"], facts["from_version"]) == ("6b04", 3)
    assert facts["difference_points"] == pytest.approx(100 * (facts["int8"] - facts["float32"]), abs=1e-5)
    assert facts["float32"] == pytest.approx(before.card.metrics[facts["metric"]], abs=1e-6)
    assert facts["int8"] == now.card.metrics[facts["metric"]]
