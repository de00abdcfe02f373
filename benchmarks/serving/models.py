"""The models that are served: two that were trained, at three sizes, in float32 and int8, and copies that differ."""

from __future__ import annotations

import hashlib
import itertools
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from benchmarks.serving.program import ROOT
from datasets.images import decode
from inference.protocol import ModelCard
from inference.registry import vision_predictor
from inference.sessions import open_session
from inference.vision import VisionPredictor
from training.quantization.graph import quantize_graph

KINDS = (("detection", 640), ("detection", 320), ("classification", 224))
PRECISIONS = ("float32", "int8")
MOST_PIXELS = 50_000_000
_CALIBRATION_IMAGES = 16
_DOC_STRING = b"\x32"


@dataclass(frozen=True)
class ServedModel:
    """A model in a folder of its own: `model.onnx` and `card.json`.

    Attributes:
        name: of the folder and of the project that serves it.
        title: for the table.
    """

    name: str
    title: str
    folder: Path

    @property
    def path(self) -> Path:
        """The ONNX file."""
        return self.folder / "model.onnx"

    def card(self) -> ModelCard:
        """What the predictor needs to know."""
        return ModelCard.model_validate_json((self.folder / "card.json").read_text())

    def predictor(self) -> VisionPredictor:
        """As the platform makes it."""
        card = self.card()
        return vision_predictor(open_session(self.path), card)


def make_models(folder: Path, images: list[Path], data: Path | None) -> dict[str, ServedModel]:
    """All of them by name, such as `detection-640-int8`; what the folder holds already is taken as it is.

    Args:
        images: that the int8 models are calibrated on.
        data: a YOLO layout to train the detector on; digits when there is none.
    """
    for kind in ("detection", "classification"):
        if not (folder / kind / "card.json").exists():
            print(f"training a model for {kind}", flush=True)
            command = [sys.executable, "-m", "benchmarks.serving.trainings", kind, str(folder / kind)]
            subprocess.run(
                [*command, *([str(data.absolute())] if data else [])],
                cwd=ROOT,
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
    made = {}
    for kind, size_px in KINDS:
        full = _sized(folder / kind, folder / f"{kind}-{size_px}-float32", kind, size_px)
        made[full.name] = full
        small = _quantized(full, folder / f"{kind}-{size_px}-int8", images)
        made[small.name] = small
    return made


def _sized(source: Path, folder: Path, kind: str, size_px: int) -> ServedModel:
    """The same graph, whose input has a free size, told to take images of this one."""
    folder.mkdir(exist_ok=True)
    content = (source / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(content)
    card = ModelCard.model_validate_json((source / "card.json").read_text())
    card = card.model_copy(update={"image_size": size_px, "onnx_sha256": hashlib.sha256(content).hexdigest()})
    (folder / "card.json").write_text(card.model_dump_json())
    return ServedModel(folder.name, f"{kind} {size_px} float32", folder)


def _quantized(full: ServedModel, folder: Path, images: list[Path]) -> ServedModel:
    small = ServedModel(folder.name, full.title.replace("float32", "int8"), folder)
    if not small.path.exists():
        folder.mkdir(exist_ok=True)
        predictor = full.predictor()
        inputs = (predictor.pre_process(decode(path.read_bytes(), MOST_PIXELS)) for path in images)
        quantize_graph(full.path, small.path, itertools.islice(inputs, _CALIBRATION_IMAGES))
        (folder / "card.json").write_text((full.folder / "card.json").read_text())
    return small


def relabelled(content: bytes, number: int) -> bytes:
    """The same model in other bytes: it ends with another description, which no runtime reads."""
    text = f"copy {number}".encode()
    # In the encoding of protocol buffers a field that comes again replaces the one before.
    return content + _DOC_STRING + bytes([len(text)]) + text


def variants(model: ServedModel, count: int) -> Iterator[bytes]:
    """Models of the same graph that give other answers: the first weights are a little larger in each."""
    for number in range(count):
        graph = onnx.load(model.path)
        used = next(node.input[1] for node in graph.graph.node if node.op_type == "Conv")
        tensor = next(tensor for tensor in graph.graph.initializer if tensor.name == used)
        weights = numpy_helper.to_array(tensor) * np.float32(1 + 0.02 * number)
        tensor.CopyFrom(numpy_helper.from_array(weights, tensor.name))
        yield graph.SerializeToString()
