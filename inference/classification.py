"""Image classification: one class for a whole image, with how sure the model is of each."""

from __future__ import annotations

import numpy as np
import onnxruntime
from PIL import Image

from inference.protocol import NO_OPTIONS, ModelCard, Options, Prediction
from inference.vision import VisionPredictor

# The mean colour of ImageNet, which the graph's normalisation turns into (nearly) zero: borders say nothing.
BORDER = (124, 116, 104)
INPUT = "images"
OUTPUT = "probabilities"
_SHRINK_GAP = 3.0


def letterbox(image: np.ndarray, size_px: int) -> np.ndarray:
    """Fit a whole image into a square, its aspect ratio kept, centred on a neutral border.

    Validation while training and inference both prepare an image with this and nothing else. Cropping would lose what
    lies at the sides of a wide image, and stretching makes a plate an oval: a border does neither.

    Args:
        image: uint8, height x width x 3, RGB.
        size_px: side of the square.

    Returns:
        uint8, size x size x 3.
    """
    height, width = image.shape[:2]
    scale = size_px / max(height, width)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Bilinear in Pillow averages over all the pixels it shrinks; the gap lets it halve huge images cheaply first.
    resized = Image.fromarray(image).resize(inner, Image.Resampling.BILINEAR, reducing_gap=_SHRINK_GAP)
    square = np.full((size_px, size_px, 3), BORDER, dtype=np.uint8)
    left, top = (size_px - inner[0]) // 2, (size_px - inner[1]) // 2
    square[top : top + inner[1], left : left + inner[0]] = np.asarray(resized)
    return square


def describe_preprocessing(size_px: int) -> dict[str, object]:
    """The steps from a decoded image to the graph's input, for the model card."""
    return {
        "colour": "RGB",
        "resize": f"longer side to {size_px} px, aspect ratio kept, Pillow bilinear, reducing_gap {_SHRINK_GAP}",
        "border": list(BORDER),
        "input": f"{INPUT}: uint8, batch x {size_px} x {size_px} x 3",
        "output": f"{OUTPUT}: float32, batch x classes, rows add up to 1",
        "in_graph": "divide by 255, normalise with ImageNet mean and standard deviation, network, softmax",
    }


class ClassificationPredictor(VisionPredictor):
    """A trained classifier; safe to call from several threads at once.

    Normalisation and softmax are part of the ONNX graph, so there is no number here that could differ from training's.
    """

    OPTIONS = frozenset({"confidence", "top_k"})

    def __init__(self, session: onnxruntime.InferenceSession, card: ModelCard):
        super().__init__(session, card)
        self._classes = card.classes

    def pre_process(self, image: np.ndarray) -> np.ndarray:
        """Prepare one image.

        Args:
            image: uint8, height x width x 3, RGB.

        Returns:
            uint8, 1 x size x size x 3.
        """
        return letterbox(image, self._size_px)[np.newaxis]

    def forward(self, inputs: np.ndarray) -> np.ndarray:
        """Run the model.

        Args:
            inputs: uint8, batch x size x size x 3.

        Returns:
            float32, batch x classes; each row adds up to 1.
        """
        return np.asarray(self._session.run([OUTPUT], {INPUT: inputs})[0])

    def post_process(
        self,
        outputs: np.ndarray,
        input_shape: tuple[int, ...],
        image_shape: tuple[int, ...],
        options: Options = NO_OPTIONS,
    ) -> list[Prediction]:
        """Name and sort the classes.

        Args:
            outputs: float32, 1 x classes: probabilities.
            input_shape: does not matter here.
            image_shape: height and width of the image, px.
        """
        box = (0.0, 0.0, float(image_shape[1]), float(image_shape[0]))
        # A stable sort keeps equal probabilities in the order of the classes.
        order = np.argsort(-outputs[0], kind="stable")[: options.top_k]
        sure = (index for index in order if outputs[0, index] >= (options.confidence or 0.0))
        return [Prediction(box, self._classes[index], float(outputs[0, index])) for index in sure]
