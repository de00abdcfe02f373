"""Which trainer serves which project type. A new type is one line here."""

from __future__ import annotations

from training.anomaly.trainer import AnomalyTrainer
from training.classification.trainer import ClassificationTrainer
from training.detection.trainer import DetectionTrainer
from training.protocol import Trainer
from training.tabular.trainer import TabularTrainer

TRAINERS: dict[str, Trainer] = {
    "classification": ClassificationTrainer(),
    "detection": DetectionTrainer(),
    "anomaly": AnomalyTrainer(),
    "tabular": TabularTrainer(),
}
