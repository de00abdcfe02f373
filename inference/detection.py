"""Object detection: boxes with a class and how sure the model is of each."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import onnxruntime

from inference.protocol import NO_OPTIONS, ModelCard, Options, Prediction
from inference.vision import VisionPredictor

INPUT = "images"
OUTPUT = "output0"
PADDING = 114
CONFIDENCE = 0.25
OVERLAP = 0.7
MAX_BOXES = 300
_MAX_CANDIDATES = 30_000
# Boxes of different classes are moved this far apart, so that one pass suppresses each class on its own.
_CLASS_OFFSET_PX = 7680


def letterbox(image: np.ndarray, size_px: int, stride: int) -> np.ndarray:
    """Fit the longer side to the size and pad the shorter one to the next multiple of the stride.

    OpenCV resizes because the native model's images are resized by it: Pillow averages when it shrinks, which is a
    different picture and moves confidences by several hundredths.

    Args:
        image: uint8, height x width x 3.
        size_px: the longer side of the result, a multiple of the stride.
        stride: pixels of the input that one cell of the coarsest feature map covers.

    Returns:
        uint8, height x width x 3; both sides are multiples of the stride.
    """
    height, width = image.shape[:2]
    inner_height, inner_width = _fitted(height, width, min(size_px / height, size_px / width))
    if (inner_height, inner_width) != (height, width):
        image = cv2.resize(image, (inner_width, inner_height), interpolation=cv2.INTER_LINEAR)
    pad_y, pad_x = (size_px - inner_height) % stride / 2, (size_px - inner_width) % stride / 2
    # An odd pixel goes to the bottom and the right.
    top, bottom, left, right = round(pad_y - 0.1), round(pad_y + 0.1), round(pad_x - 0.1), round(pad_x + 0.1)
    return cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(PADDING,) * 3)


def describe_preprocessing(size_px: int, stride: int) -> dict[str, Any]:
    """The steps from a decoded image to boxes, for the model card."""
    return {
        "colour": "RGB",
        "resize": f"longer side to {size_px} px, aspect ratio kept, OpenCV INTER_LINEAR",
        "padding": f"shorter side centred and padded with {PADDING} to the next multiple of the stride",
        "stride": stride,
        "scale": "divide by 255",
        "input": f"{INPUT}: float32, batch x 3 x height x width, 0 to 1",
        "output": f"{OUTPUT}: float32, batch x (4 + classes) x anchors; x_center, y_center, width, height in px of "
        "the input, then one confidence a class",
        "suppression": f"best class of an anchor, overlap (IoU) above {OVERLAP} within a class, at most {MAX_BOXES}",
    }


class DetectionPredictor(VisionPredictor):
    """A trained detector; safe to call from several threads at once.

    It gives the boxes that `YOLO(weights).predict(image)` of ultralytics gives with its default settings, except those
    whose sides are negative.

    Args:
        confidence: what stands for `Options.confidence` when a caller does not say.
    """

    OPTIONS = frozenset({"confidence", "iou", "max_detections"})

    def __init__(self, session: onnxruntime.InferenceSession, card: ModelCard, confidence: float = CONFIDENCE):
        super().__init__(session, card)
        self._classes = card.classes
        self._stride = int(card.preprocessing["stride"])
        self._confidence = confidence

    def pre_process(self, image: np.ndarray) -> np.ndarray:
        """Prepare one image.

        Args:
            image: uint8, height x width x 3, RGB.

        Returns:
            float32, 1 x 3 x height x width, 0 to 1; both sides are multiples of the stride.
        """
        boxed = letterbox(image, self._size_px, self._stride).transpose(2, 0, 1)[np.newaxis]
        return np.ascontiguousarray(boxed, dtype=np.float32) / np.float32(255)

    def forward(self, inputs: np.ndarray) -> np.ndarray:
        """Run the model.

        Args:
            inputs: float32, batch x 3 x height x width.

        Returns:
            float32, batch x (4 + classes) x anchors.
        """
        return np.asarray(self._session.run([OUTPUT], {INPUT: inputs})[0])

    def post_process(
        self,
        outputs: np.ndarray,
        input_shape: tuple[int, ...],
        image_shape: tuple[int, ...],
        options: Options = NO_OPTIONS,
    ) -> list[Prediction]:
        """Choose the boxes and place them in the image.

        Args:
            outputs: float32, 1 x (4 + classes) x anchors.
            input_shape: 1 x 3 x height x width of the model's input, px.
            image_shape: height and width of the image, px.
        """
        least = self._confidence if options.confidence is None else options.confidence
        most_overlap = OVERLAP if options.iou is None else options.iou
        anchors = outputs[0].T
        classes = anchors[:, 4:].argmax(1)
        confidences = anchors[np.arange(len(anchors)), 4 + classes]
        # A number that is none is never larger, so it is left out here; so are sides below zero, which a network that
        # has hardly learned predicts, and which would turn a box inside out.
        sure = (confidences > least) & np.isfinite(anchors[:, :4]).all(1) & (anchors[:, 2:4] >= 0).all(1)
        boxes, classes, confidences = _corners(anchors[sure, :4]), classes[sure], confidences[sure]
        apart = boxes + classes[:, np.newaxis].astype(np.float32) * _CLASS_OFFSET_PX
        kept = suppress(apart, confidences, most_overlap)[: options.max_detections]
        placed = place(boxes[kept], input_shape[2:], image_shape[:2])
        return [
            Prediction((float(x1), float(y1), float(x2), float(y2)), self._classes[index], float(confidence))
            for (x1, y1, x2, y2), index, confidence in zip(placed, classes[kept], confidences[kept], strict=True)
        ]


def suppress(boxes: np.ndarray, confidences: np.ndarray, most_overlap: float = OVERLAP) -> np.ndarray:
    """Greedy non-maximum suppression: of boxes that overlap too much only the most confident stays.

    Args:
        boxes: float32, n x 4, x1 y1 x2 y2.
        confidences: float32, n.
        most_overlap: intersection over union, 0 to 1, up to which both stay.

    Returns:
        Indices of the boxes that stay, most confident first, at most MAX_BOXES.
    """
    order = np.argsort(-confidences, kind="stable")[:_MAX_CANDIDATES]
    kept: list[int] = []
    while order.size and len(kept) < MAX_BOXES:
        best, order = order[0], order[1:]
        kept.append(int(best))
        order = order[~(overlap(boxes[best], boxes[order]) > most_overlap)]
    return np.array(kept, dtype=np.intp)


def overlap(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of one box with others.

    Args:
        box: 4, x1 y1 x2 y2.
        others: n x 4.

    Returns:
        n, 0 to 1; 0 where neither has an area.
    """
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    shared = np.clip(sides, 0, None).prod(1)
    union = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(1) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def place(boxes: np.ndarray, input_shape: tuple[int, ...], image_shape: tuple[int, ...]) -> np.ndarray:
    """Undo the letterbox.

    Args:
        boxes: float32, n x 4, x1 y1 x2 y2 in px of the model's input.
        input_shape: height and width of the model's input, px.
        image_shape: height and width of the image, px.

    Returns:
        float32, n x 4, in px of the image, clipped to it.
    """
    (input_height, input_width), (height, width) = input_shape, image_shape
    inner_height, inner_width = _fitted(height, width, min(input_height / height, input_width / width))
    top, left = round((input_height - inner_height) / 2 - 0.1), round((input_width - inner_width) / 2 - 0.1)
    scale = np.array([inner_width / width, inner_height / height] * 2, dtype=np.float32)
    placed = (boxes - np.array([left, top] * 2, dtype=np.float32)) / scale
    return np.clip(placed, 0, np.array([width, height] * 2, dtype=np.float32))


def _fitted(height: int, width: int, scale: float) -> tuple[int, int]:
    """Height and width times the scale; a very thin image keeps one pixel."""
    return max(round(height * scale), 1), max(round(width * scale), 1)


def _corners(boxes: np.ndarray) -> np.ndarray:
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)
