from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from PIL import Image

from datasets.images import decode
from inference.classification import BORDER, INPUT, OUTPUT, ClassificationPredictor, letterbox
from inference.sessions import open_session
from tests.inference.models import classification_card

CLASSES = ["red", "green", "blue"]


def colour_session(size_px: int) -> onnxruntime.InferenceSession:
    """A graph that answers with the softmax of the mean red, green and blue of the image."""
    nodes = [
        helper.make_node("Cast", [INPUT], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats"], ["means"], axes=[1, 2], keepdims=0),
        helper.make_node("Softmax", ["means"], [OUTPUT], axis=1),
    ]
    inputs = [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["batch", size_px, size_px, 3])]
    outputs = [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", 3])]
    model = helper.make_model(
        helper.make_graph(nodes, "colour", inputs, outputs), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    onnx.checker.check_model(model, full_check=True)
    return open_session(model.SerializeToString(), threads=1)


@pytest.fixture
def predictor() -> ClassificationPredictor:
    return ClassificationPredictor(colour_session(32), classification_card(32, CLASSES))


def encoded(image: Image.Image, file_format: str = "PNG") -> bytes:
    stream = io.BytesIO()
    image.save(stream, file_format)
    return stream.getvalue()


def test_every_class_is_predicted_the_most_probable_first(predictor):
    image = np.full((40, 40, 3), (10, 12, 11), np.uint8)
    found = predictor.predict(image)
    assert [prediction.class_name for prediction in found] == ["green", "blue", "red"]
    assert sum(prediction.confidence for prediction in found) == pytest.approx(1.0, abs=1e-6)


def test_the_box_of_a_class_is_the_whole_image_in_its_own_pixels(predictor):
    found = predictor.predict(np.zeros((20, 50, 3), np.uint8))
    assert {prediction.box_px for prediction in found} == {(0.0, 0.0, 50.0, 20.0)}


def test_equal_classes_keep_the_order_of_the_project(predictor):
    found = predictor.predict(np.full((32, 32, 3), 7, np.uint8))
    assert [prediction.class_name for prediction in found] == CLASSES


def test_a_wide_image_keeps_its_aspect_ratio_and_both_its_ends():
    image = np.zeros((20, 80, 3), np.uint8)
    image[:, :10], image[:, -10:] = 255, 200
    square = letterbox(image, 64)
    assert square.shape == (64, 64, 3)
    assert (square[:24] == BORDER).all()
    assert (square[40:] == BORDER).all()
    assert (square[28:36, :6] == 255).all()
    assert (square[28:36, -6:] == 200).all()


def test_an_image_of_the_models_size_is_not_changed():
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert (letterbox(image, 64) == image).all()


def test_shrinking_averages_instead_of_skipping_pixels():
    stripes = np.zeros((640, 640, 3), np.uint8)
    stripes[:, ::2] = 200
    assert np.abs(letterbox(stripes, 64).astype(int) - 100).max() <= 15


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 3000, 3), (3000, 1, 3), (2, 3, 3), (5000, 4000, 3)])
def test_an_image_of_any_size_can_be_predicted(predictor, shape):
    assert len(predictor.predict(np.full(shape, 90, np.uint8))) == 3


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_an_image_of_any_colour_mode_can_be_predicted(predictor, mode):
    source = Image.new("RGB", (24, 16), (200, 30, 30))
    image = Image.new("I;16", (24, 16), 40_000) if mode == "I;16" else source.convert(mode)
    found = predictor.predict(decode(encoded(image, "JPEG" if mode == "CMYK" else "PNG"), 10_000))
    assert found[0].class_name == "red"


def test_the_predictor_loads_without_torch_or_ultralytics():
    code = (
        "import sys, inference.classification as _; sys.exit(any(n in sys.modules for n in ('torch', 'ultralytics')))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=240).returncode == 0
