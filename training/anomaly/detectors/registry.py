"""The detectors by name. A new one is one line here."""

from __future__ import annotations

from training.anomaly.detectors.autoencoder import AutoencoderDetector
from training.anomaly.detectors.control_chart import ControlChartDetector
from training.anomaly.detectors.forecast import ForecastDetector
from training.anomaly.detectors.isolation_forest import IsolationForestDetector
from training.anomaly.detectors.mset import MsetDetector
from training.anomaly.detectors.pca import PcaDetector
from training.anomaly.detectors.protocol import Detector

AUTO = "auto"
DETECTORS: dict[str, Detector] = {
    detector.NAME: detector
    for detector in (
        ControlChartDetector(),
        PcaDetector(),
        MsetDetector(),
        IsolationForestDetector(),
        ForecastDetector(),
        AutoencoderDetector(),
    )
}
