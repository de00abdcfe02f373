"""A real ONNX model that can be told right from wrong by looking: how bright is the image?"""

from __future__ import annotations

import hashlib
import io
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from inference.classification import INPUT, OUTPUT, describe_preprocessing
from inference.protocol import ModelCard
from storage.models import Model
from storage.projects import Project
from storage.store import Store

SIZE_PX = 16


def brightness_model() -> bytes:
    """uint8, batch x size x size x 3 -> float32, batch x 2: the mean over 255, and one less that."""
    constants = {
        "scale": np.float32(255),
        "signs": np.array([[1, -1]], np.float32),
        "offsets": np.array([[0, 1]], np.float32),
    }
    nodes = [
        helper.make_node("Cast", [INPUT], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "last"], ["column"]),
        helper.make_node("Div", ["column", "scale"], ["bright"]),
        helper.make_node("Mul", ["bright", "signs"], ["both"]),
        helper.make_node("Add", ["both", "offsets"], [OUTPUT]),
    ]
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    tensors.append(numpy_helper.from_array(np.array([1], np.int64), "last"))
    graph = helper.make_graph(
        nodes,
        "brightness",
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["batch", SIZE_PX, SIZE_PX, 3])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", 2])],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def endless_model() -> bytes:
    """The same, whose every run takes longer than any test waits."""
    model = onnx.load_model_from_string(brightness_model())
    info = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Identity", [inner], [f"{inner}_out"]) for inner in ("go_on", "value")],
        "round",
        [
            info("round", TensorProto.INT64, []),
            info("go_on", TensorProto.BOOL, []),
            info("value", TensorProto.FLOAT, None),
        ],
        [info("go_on_out", TensorProto.BOOL, []), info("value_out", TensorProto.FLOAT, None)],
    )
    constants = {"rounds": np.array(2**62, np.int64), "true": np.array(True)}
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    model.graph.node[-1].output[0] = "answer"
    model.graph.node.append(helper.make_node("Loop", ["rounds", "true", "answer"], [OUTPUT], body=body))
    return model.SerializeToString()


def handmade_card(content: bytes, project_type: str, unit: str = "image", **more: Any) -> ModelCard:
    """A card that says what a predictor needs, and nothing else."""
    told: dict[str, Any] = {"classes": [], "preprocessing": {}, **more}
    return ModelCard(
        project_type=project_type,
        architecture="handmade",
        metrics={},
        metrics_on=f"validation {unit}s",
        export_difference=0.0,
        dataset={},
        params={},
        pretrained=False,
        device="cpu",
        libraries={},
        licence="none",
        onnx_sha256=hashlib.sha256(content).hexdigest(),
        duration_seconds=0.0,
        **told,
    )


def classification_card(size_px: int, classes: list[str], content: bytes = b"") -> ModelCard:
    """Of a classifier."""
    preprocessing = describe_preprocessing(size_px)
    return handmade_card(content, "classification", classes=classes, image_size=size_px, preprocessing=preprocessing)


def store_brightness_model(store: Store, project: Project, content: bytes = brightness_model()) -> Model:
    """Make it, or another of its kind, the model of a project, by the steps of a job."""
    file = store.artifacts.put(io.BytesIO(content), "model.onnx")
    store.jobs.create(project, {}, 1)
    job = store.job_runs.claim("test")
    assert job is not None
    card = classification_card(SIZE_PX, ["bright", "dark"], content)
    model = store.models.create(project.id, job.id, card.model_dump(), {"model.onnx": file})
    assert store.job_runs.succeed(job, model.id)
    assert store.projects.serve(project.id, model.id, model.version)
    return model


def publish_brightness_model(store: Store, username: str, name: str) -> None:
    """Make it the model of a new published project of a user."""
    owner = store.users.find(username)
    assert owner
    project = store.projects.create(owner, name, "classification")
    store_brightness_model(store, project)
    store.projects.publish(store.projects.named(name, owner), True)
