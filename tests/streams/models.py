"""A real ONNX model of time series whose scores can be told by looking: what the last rows add up to."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from inference.protocol import ModelCard
from storage.models import Model
from storage.projects import Project
from storage.store import Store
from tests.inference.models import handmade_card

SENSORS = ("heat", "spin")
WINDOW = 3


def sum_model(factor: float = 1.0, sensors: int = len(SENSORS)) -> bytes:
    """float64 [n, w, k] -> score [n]: sum of what is there, without signs, times a factor; and shares of sensors."""
    constants = {"zero": np.zeros(()), "factor": np.array(factor), "rows": np.array([1], np.int64)}
    nodes = [
        helper.make_node("IsNaN", ["window"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "window"], ["there"]),
        helper.make_node("Abs", ["there"], ["size"]),
        helper.make_node("Mul", ["size", "factor"], ["scaled"]),
        helper.make_node("ReduceSum", ["scaled", "rows"], ["contributions"], keepdims=0),
        helper.make_node("ReduceSum", ["contributions", "rows"], ["score"], keepdims=0),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "sum",
        [value("window", TensorProto.DOUBLE, ["n", "w", sensors])],
        [value("score", TensorProto.DOUBLE, ["n"]), value("contributions", TensorProto.DOUBLE, ["n", sensors])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def series_card(content: bytes, sensors: Sequence[str] = SENSORS, window: int = WINDOW) -> ModelCard:
    """A card that says what a judge needs; the mean that it keeps makes each answer depend on all rows before."""
    series = {"sensors": list(sensors), "window": window, "threshold": 100.0, "smoothing": 0.5, "series": "machine"}
    return handmade_card(content, "anomaly", "row", series=series)


def serve_sum_model(store: Store, project: Project, factor: float = 1.0) -> Model:
    """Make it the model that answers for a project, by the steps of a job."""
    content = sum_model(factor)
    file = store.artifacts.put(io.BytesIO(content), "model.onnx")
    store.jobs.create(project, {}, 1)
    job = store.job_runs.claim("test")
    assert job is not None
    model = store.models.create(project.id, job.id, series_card(content).model_dump(), {"model.onnx": file})
    assert store.job_runs.succeed(job, model.id)
    assert store.projects.serve(project.id, model.id, model.version)
    return model
