"""What a model that comes from elsewhere must be, and that it is scored as a training scores."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import pytest

from datasets.tables.schema import TableDataset
from tests.inference.models import brightness_model, classification_card
from tests.training.anomaly.series import series, train
from tests.training.recorder import Recorder
from tests.training.tabular.tables import table, workspace
from training.loading.judges import JUDGES
from training.loading.run import load
from training.protocol import TrainedModel, TrainingFailed
from training.registry import TRAINERS
from training.tabular.trainer import TabularParams, TabularTrainer

LOADED = {"reference": "models:/ada.houses/1", "run_id": "0" * 32}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[TableDataset, TrainedModel]:
    """A table, and a model of it."""
    folder = tmp_path_factory.mktemp("trained")
    dataset, params = table(folder, 2), TabularParams(algorithm="linear")
    return dataset, TabularTrainer().fit(dataset, params, workspace(folder / "work"), Recorder())


def loaded(data: Any, model: TrainedModel, folder: Path, **changes: Any) -> tuple[TrainedModel, Recorder]:
    """The model as a job that loads it leaves it, its card changed before."""
    card, recorder = model.card.model_copy(update=changes), Recorder()
    source = {"onnx": str(model.onnx_path), "card": card.model_dump(), "loaded": LOADED}
    return load(data, source, workspace(folder / "work"), recorder), recorder


def test_every_project_type_has_a_judge():
    assert set(JUDGES) == set(TRAINERS)


def test_a_model_of_tables_gets_the_scores_that_its_training_had(
    trained: tuple[TableDataset, TrainedModel], tmp_path: Path
) -> None:
    dataset, before = trained
    made_up = {"metrics": {"score": 2.0}, "dataset": {**before.card.dataset, "digest": "1" * 64}}
    model, recorder = loaded(dataset, before, tmp_path, **made_up)
    found = {name: value for name, value in before.card.metrics.items() if name in model.card.metrics}
    assert {"score", "accuracy", "confusion", "intervals_95"} <= set(found)
    assert model.card.metrics == found
    assert model.card.metrics_on == "validation rows"
    facts = model.card.loaded
    assert facts
    assert (facts["reference"], facts["metrics"]) == ("models:/ada.houses/1", {"score": 2.0})
    assert any("may have seen some" in line for line in recorder.lines)
    assert model.onnx_path == before.onnx_path


def test_a_model_that_is_not_what_its_card_says_is_refused(
    trained: tuple[TableDataset, TrainedModel], tmp_path: Path
) -> None:
    dataset, before = trained
    with pytest.raises(TrainingFailed, match="another than its card says"):
        loaded(dataset, before, tmp_path / "a", onnx_sha256="0" * 64)
    other = dataclasses.replace(before, onnx_path=tmp_path / "other.onnx")
    other.onnx_path.write_bytes(b"no graph")
    digest = hashlib.sha256(b"no graph").hexdigest()
    with pytest.raises(TrainingFailed, match="it is no ONNX file"):
        loaded(dataset, other, tmp_path / "b", onnx_sha256=digest)
    content = brightness_model()
    other.onnx_path.write_bytes(content)
    card = classification_card(16, ["bright", "dark"], content)
    with pytest.raises(TrainingFailed, match="cannot predict"):
        loaded(dataset, other, tmp_path / "c", onnx_sha256=card.onnx_sha256)


def test_a_model_of_another_table_or_other_classes_does_not_fit(
    trained: tuple[TableDataset, TrainedModel], tmp_path: Path
) -> None:
    dataset, before = trained
    judge, card = JUDGES["tabular"], before.card
    assert judge.misfit(card, dataset) is None
    ignoring = dataclasses.replace(dataset.schema, ignored=frozenset({dataset.schema.features[0].name}))
    words = judge.misfit(card, dataclasses.replace(dataset, schema=ignoring))
    assert words
    assert dataset.schema.features[0].name in words
    words = judge.misfit(card, dataclasses.replace(dataset, classes=("others",)))
    assert words
    assert "'others'" in words
    elsewhere = dataclasses.replace(dataset.schema, target=dataset.schema.features[0].name)
    assert "it predicts" in (judge.misfit(card, dataclasses.replace(dataset, schema=elsewhere)) or "")
    images, classes = classification_card(16, ["bright", "dark"], b""), _Classes(("bright",))
    assert "its classes are 'bright', 'dark', the project's 'bright'" in (
        JUDGES["classification"].misfit(images, classes) or ""
    )


@dataclasses.dataclass
class _Classes:
    classes: tuple[str, ...]


def test_a_detector_of_anomalies_gets_the_scores_that_its_training_had(tmp_path: Path):
    dataset = series(tmp_path / "data", fault=(200, 220), labelled=True)
    before, _ = train(dataset, tmp_path / "trained", detector="pca", window=4)
    model, _ = loaded(dataset, before, tmp_path / "loaded", metrics={"score": 2.0})
    assert model.card.metrics["score"] == before.card.metrics["score"]
    assert model.card.test_metrics == before.card.test_metrics
    assert model.card.series == before.card.series
    judge, schema = JUDGES["anomaly"], dataclasses.replace(dataset.schema, ignored=frozenset({"flow"}))
    assert judge.misfit(before.card, dataset) is None
    words = judge.misfit(before.card, dataclasses.replace(dataset, schema=schema))
    assert words
    assert "its sensors are 'flow', 'pressure'" in words
