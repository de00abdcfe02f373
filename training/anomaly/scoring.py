"""What a detector of anomalies that is there already is worth on series."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from datasets.series.schema import SeriesDataset
from inference.anomaly.following import Rules
from inference.anomaly.judging import Judge
from inference.protocol import ModelCard
from inference.sessions import open_session
from training.anomaly.data import stretches
from training.anomaly.learning import Learned
from training.anomaly.validation import Validation


@dataclass(frozen=True)
class _Rules:
    """What a validation needs of what was learned; the threshold on the card is the only one that is left."""

    rules: Rules
    first_rules: Rules


def score_file(path: Path, card: ModelCard, dataset: SeriesDataset) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Metrics of an ONNX file on the validation rows, and on the test rows where there are some, named as by `fit`.

    Raises:
        TrainingFailed: there is no sensor.
    """
    series = card.series or {}
    found, _ = stretches(dataset, int(series["window"]))
    rules = Rules.of(series)
    judge = Judge(open_session(path, threads=1), card)
    validation = Validation(judge, found, cast(Learned, _Rules(rules, rules)), dataset.val_is_train)
    return validation.metrics(), validation.test_metrics() or None
