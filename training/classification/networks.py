"""Torch networks for classification: built, from scratch or from pretrained weights, and exported to ONNX."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional

from inference.classification import INPUT, OUTPUT
from training.protocol import Report, TrainingFailed, Workspace

SCRATCH = "diyml-small-resnet"
PRETRAINED = "mobilenet_v3_small"
OPSET = 17
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)
_EVALUATION_BATCH = 128


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut (He et al. 2015, https://arxiv.org/abs/1512.03385)."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        first = [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
        self.body = nn.Sequential(*first, nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs))
        # Averaging keeps the pixels that a strided 1x1 convolution would skip (https://arxiv.org/abs/1812.01187).
        shrink = [nn.AvgPool2d(stride)] if stride > 1 else []
        widen = [nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs)] if inputs != outputs else []
        self.shortcut = nn.Sequential(*shrink, *widen)

    def forward(self, features: Tensor) -> Tensor:
        return functional.relu(self.body(features) + self.shortcut(features))


class SmallResNet(nn.Module):
    """A residual network of 0.9 million parameters, made for 32 to 128 px and a CPU; sides are multiples of 16 px."""

    def __init__(self, classes: int, widths: tuple[int, ...] = (32, 64, 128, 192)):
        super().__init__()
        stem = [nn.Conv2d(3, widths[0], 3, 2, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU(inplace=True)]
        deeper = [Block(inputs, outputs, 2) for inputs, outputs in pairwise(widths)]
        self.features = nn.Sequential(*stem, Block(widths[0], widths[0], 1), *deeper)
        self.classifier = nn.Sequential(nn.Dropout(0.1), nn.Linear(widths[-1], classes))

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(self.features(images).mean((2, 3)))


class Classifier(nn.Module):
    """A network with the steps before and after it, which is what is exported and served.

    Attributes:
        features: the part of the network that may be pretrained.
        head: the rest, new in every training.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, network: nn.Module, pretrained: bool):
        super().__init__()
        self.network = network
        self.pretrained = pretrained
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(_STD).view(1, 3, 1, 1))

    @property
    def features(self) -> nn.Module:
        return self.network.get_submodule("features")

    @property
    def head(self) -> nn.Module:
        return self.network.get_submodule("classifier")

    def scale(self, images: Tensor) -> Tensor:
        """From uint8, batch x size x size x 3, to float32, batch x 3 x size x size, 0 to 1."""
        return images.permute(0, 3, 1, 2).float() / 255

    def normalise(self, images: Tensor) -> Tensor:
        """From 0 to 1 to a mean of about 0 and a deviation of about 1; float32, batch x 3 x size x size."""
        return (images - self.mean) / self.deviation

    def forward(self, images: Tensor) -> Tensor:
        """From uint8, batch x size x size x 3, to probabilities, float32, batch x classes."""
        return self.network(self.normalise(self.scale(images))).softmax(1)


def find_weights(workspace: Workspace, report: Report) -> Path | None:
    """Pretrained weights: `mobilenet_v3_small-<hash>.pth` as torchvision publishes it, fetched when allowed."""
    pattern = f"{PRETRAINED}*.pth"
    found = sorted(workspace.weights_path.glob(pattern))
    if not found and workspace.download_weights:
        report.log("Fetching pretrained weights.")
        try:
            published = torchvision.models.get_model_weights(PRETRAINED).DEFAULT
            published.get_state_dict(model_dir=str(workspace.weights_path), check_hash=True, progress=False)
        except (OSError, RuntimeError) as error:
            report.log(f"The pretrained weights could not be fetched: {error}")
        found = sorted(workspace.weights_path.glob(pattern))
    return found[0] if found else None


def build(classes: int, weights: Path | None) -> Classifier:
    """The model: torchvision's MobileNetV3 small when there are weights for it, else our own small network.

    Raises:
        TrainingFailed: the weight file is damaged or of another network.
    """
    if weights is None:
        return Classifier(SmallResNet(classes), pretrained=False)
    network = torchvision.models.get_model(PRETRAINED, weights=None)
    try:
        network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    except Exception as error:  # torch raises many kinds of error on a damaged or foreign file
        raise TrainingFailed(f"the pretrained weights '{weights.name}' do not fit {PRETRAINED}: {error}") from error
    network.classifier[-1] = nn.Linear(network.classifier[-1].in_features, classes)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            # Published with 0.01, at which a short training ends before the statistics are those of the new images.
            layer.momentum = 0.1
    return Classifier(network, pretrained=True)


def probabilities(model: Classifier, pixels: np.ndarray, alive: Callable[[], None] = lambda: None) -> np.ndarray:
    """Predict: float32, images x classes.

    Args:
        pixels: uint8, images x size x size x 3.
        alive: called now and then; may raise to stop.
    """
    model.eval()
    found = []
    with torch.inference_mode():
        for start in range(0, len(pixels), _EVALUATION_BATCH):
            alive()
            part = torch.from_numpy(pixels[start : start + _EVALUATION_BATCH])
            found.append(model(part.to(model.mean.device)).cpu())
    return torch.cat(found).numpy()


def export(model: Classifier, size_px: int, path: Path) -> None:
    """Write one ONNX file with a free batch size, and have it checked."""
    example = torch.zeros(2, size_px, size_px, 3, dtype=torch.uint8)
    names = {INPUT: {0: "batch"}, OUTPUT: {0: "batch"}}
    with warnings.catch_warnings():
        # The newer exporter needs one more package (onnxscript) and minutes for what this one does in a second.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        torch.onnx.export(
            model.cpu().eval(),
            (example,),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes=names,
        )
    onnx.checker.check_model(onnx.load(path), full_check=True)
