"""What a classifier's predictions are worth; needs torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from datasets.snapshot import Dataset
from inference.classification import ClassificationPredictor
from inference.protocol import ModelCard
from inference.sessions import open_session
from training.classification.pixels import read
from training.protocol import Scorer


def score(labels: np.ndarray, predicted: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
    """Accuracy, and for each class precision and recall, as fractions; none where there is nothing to divide by.

    Args:
        labels: int64, images.
        predicted: float32, images x classes, probabilities.

    Returns:
        `accuracy`; `classes`, by name: `precision`, `recall`, `images` (of that class); `confusion`: rows are what is
        true, columns what was predicted.
    """
    confusion = np.zeros((len(classes), len(classes)), int)
    np.add.at(confusion, (labels, predicted.argmax(1)), 1)
    right, found, true = confusion.diagonal(), confusion.sum(0), confusion.sum(1)
    by_class = {
        name: {
            "precision": float(right[i] / found[i]) if found[i] else None,
            "recall": float(right[i] / true[i]) if true[i] else None,
            "images": int(true[i]),
        }
        for i, name in enumerate(classes)
    }
    return {"accuracy": float(right.sum() / len(labels)), "classes": by_class, "confusion": confusion.tolist()}


def scorer(dataset: Dataset, card: ModelCard) -> Scorer:
    """What scores files of a model on `dataset.val`, with the predictor that serves them."""
    labels = np.array([sample.annotations[0].class_index for sample in dataset.val], np.int64)

    def score_file(path: Path, advanced: Callable[[float], None]) -> dict[str, Any]:
        predictor = ClassificationPredictor(open_session(path), card)
        found = []
        for done, sample in enumerate(dataset.val):
            advanced(done / len(labels))
            found.append(predictor.forward(predictor.pre_process(read(sample))))
        return score(labels, np.concatenate(found), card.classes)

    return score_file
