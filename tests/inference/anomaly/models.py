"""A real ONNX model that can be told right from wrong by looking: how far is each sensor from 0?"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from inference.protocol import ModelCard
from storage.models import Model
from storage.projects import Project
from storage.store import Store
from tests.inference.models import handmade_card

SENSORS = ("flow", "heat")


def distance_model(window: int = 1) -> bytes:
    """float64, rows x window x sensors -> how far each sensor is from 0 in the mean of the window, and their sum."""
    info, double = helper.make_tensor_value_info, TensorProto.DOUBLE
    nodes = [
        helper.make_node("IsNaN", ["window"], ["absent"]),
        helper.make_node("Where", ["absent", "zero", "window"], ["known"]),
        helper.make_node("Abs", ["known"], ["away"]),
        helper.make_node("ReduceMean", ["away"], ["contributions"], axes=[1], keepdims=0),
        helper.make_node("ReduceSum", ["contributions", "last"], ["score"], keepdims=0),
    ]
    tensors = [
        numpy_helper.from_array(np.zeros(1), "zero"),
        numpy_helper.from_array(np.array([1], np.int64), "last"),
    ]
    graph = helper.make_graph(
        nodes,
        "distance",
        [info("window", double, ["rows", window, len(SENSORS)])],
        [info("score", double, ["rows"]), info("contributions", double, ["rows", len(SENSORS)])],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    return content


def series_card(content: bytes, window: int = 1, **series: Any) -> ModelCard:
    """A card that says what a predictor needs, and nothing else: an anomaly is where the sum is 10 or more."""
    told = {"sensors": list(SENSORS), "window": window, "threshold": 10.0, "smoothing": 1.0, "time": None, **series}
    return handmade_card(content, "anomaly", "row", series=told)


def store_distance_model(store: Store, project: Project, files: dict[str, bytes], **series: Any) -> Model:
    """Make one the model of a project, by the steps of a job.

    Args:
        files: what else its training left.
    """
    window = series.get("window", 1)
    content = distance_model(window)
    stored = {
        name: store.artifacts.put(io.BytesIO(file), name) for name, file in {"model.onnx": content, **files}.items()
    }
    store.jobs.create(project, {}, 1)
    job = store.job_runs.claim("test")
    assert job is not None
    card = series_card(content, **series)
    model = store.models.create(project.id, job.id, card.model_dump(), stored)
    assert store.job_runs.succeed(job, model.id)
    assert store.projects.serve(project.id, model.id, model.version)
    return model
