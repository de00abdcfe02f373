"""No runtime sees an ONNX file that is more than plain operators and their own weights."""

from __future__ import annotations

import io
from collections.abc import Callable

import onnx
import pytest
from onnx import TensorProto, helper

from inference import check
from inference.check import check_model
from inference.classification import INPUT
from inference.engine import LocalEngine
from settings import Settings
from storage.store import Store
from tests.inference.models import brightness_model, store_brightness_model
from tests.inference.test_engine import grey
from utils import Unavailable


def spoiled(spoil: Callable[[onnx.ModelProto], None]) -> bytes:
    model = onnx.load_model_from_string(brightness_model())
    spoil(model)
    return model.SerializeToString()


def other_file(tensor: TensorProto) -> None:
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")


def weights_elsewhere(model: onnx.ModelProto) -> None:
    other_file(model.graph.initializer[0])


def constant_elsewhere(model: onnx.ModelProto) -> None:
    tensor = TensorProto(name="t", data_type=TensorProto.FLOAT, dims=[1])
    other_file(tensor)
    model.graph.node.append(helper.make_node("Constant", [], ["unused"], value=tensor))


def branch_elsewhere(model: onnx.ModelProto) -> None:
    branch = helper.make_graph([], "branch", [], [])
    other_file(branch.initializer.add(name="t", data_type=TensorProto.FLOAT, dims=[1]))
    model.graph.node.append(helper.make_node("If", [INPUT], ["unused"], then_branch=branch, else_branch=branch))


def custom_operator(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Shell", [INPUT], ["unused"], domain="com.example"))


def own_function(model: onnx.ModelProto) -> None:
    node = helper.make_node("Identity", ["x"], ["y"])
    model.functions.append(helper.make_function("own", "F", ["x"], ["y"], [node], [helper.make_opsetid("", 17)]))


def many_nodes(model: onnx.ModelProto) -> None:
    model.graph.node.extend(helper.make_node("Identity", [INPUT], [f"n{n}"]) for n in range(check.MOST_NODES))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (weights_elsewhere, "another file"),
        (constant_elsewhere, "another file"),
        (branch_elsewhere, "another file"),
        (custom_operator, "com.example"),
        (own_function, "functions"),
        (many_nodes, "nodes"),
    ],
)
def test_what_is_more_than_plain_operators_and_own_weights_is_refused(spoil, words):
    check_model(brightness_model())
    with pytest.raises(Unavailable, match=words):
        check_model(spoiled(spoil))


def test_what_is_no_onnx_file_or_too_large_is_refused(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(Unavailable, match="no ONNX file"):
        check_model(b"\xff" * 100)
    monkeypatch.setattr(check, "MOST_BYTES", 10)
    with pytest.raises(Unavailable, match="bytes"):
        check_model(brightness_model())


def test_the_engine_opens_no_model_that_the_check_refuses(store: Store, settings: Settings):
    user = store.users.create("ada", b"long enough")
    model = store_brightness_model(store, store.projects.create(user, "p", "classification"))
    file = store.artifacts.put(io.BytesIO(spoiled(weights_elsewhere)), "model.onnx")
    changed = {"files.0.file_id": file.id, "files.0.sha256": file.sha256}
    store.database["models"].update_one({"_id": model.id}, {"$set": changed})
    with pytest.raises(Unavailable, match="another file"):
        LocalEngine(store, settings).predict(model.id, grey(1))
