"""From a finished ultralytics training to a served model: export, two checks of the export, pictures and the card.

It handles ultralytics' objects and imports nothing of it.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from datasets.images import decode
from datasets.judgements import FILE, Found, Judged, Judgements, judged_boxes
from datasets.snapshot import Dataset, Sample
from inference.detection import DetectionPredictor, describe_preprocessing, overlap
from inference.protocol import ModelCard, Prediction
from inference.sessions import open_session
from training.detection.follower import Follower, named_metrics
from training.detection.pictures import draw_boxes
from training.detection.scoring import metrics_of_classes, score_export
from training.environment import file_sha256, libraries
from training.pictures import draw_confusion, draw_curves
from training.protocol import Report, TrainedModel, TrainingFailed, Workspace
from training.stopping import StoppedEarly, Stopping, metrics_on

# The export computes the same in the same precision, so the metric moves only where a number crosses a threshold.
# In a tiny validation part one box at one of ten thresholds is worth 0.1 over the number of boxes; two may cross.
EXPORT_TOLERANCE = 0.02
# Boxes near the confidence threshold or of nearly the same overlap may be chosen differently; a wrong letterbox or
# class order spoils nearly all.
SERVED_TOLERANCE = 0.1
_SURE_MARGIN = 0.02
_SAME_OVERLAP = 0.9
_PICTURED = 9


@dataclass(frozen=True)
class Trained:
    """A finished training: ultralytics' trainer, its best model, what it was started with, and who followed it.

    Attributes:
        validated: the trainer's last validation was of the best model; a training that is stopped has none.
    """

    engine: Any
    model: Any
    arguments: dict[str, Any]
    follower: Follower
    validated: bool


@dataclass(frozen=True)
class _Scores:
    """What the model is worth on a dataset's validation images, which are fewer when there was no time for all.

    Attributes:
        native: metrics of the trained network; `exported`: the same of the export, fractions 0 to 1.
        confusion: of the export; int, classes + 1 x classes + 1, rows are what is true, the last is background.
        judged: what the export found in each image.
    """

    dataset: Dataset
    native: dict[str, Any]
    exported: dict[str, float]
    confusion: np.ndarray
    judged: tuple[Judged, ...]


def finish(
    trained: Trained,
    dataset: Dataset,
    params: Any,
    workspace: Workspace,
    report: Report,
    stopping: Stopping,
    started: float,
    test: Callable[[ModelCard, Path], dict[str, Any]],
) -> TrainedModel:
    """Export, check and describe the best model.

    Args:
        test: scores a file on the test part.

    Raises:
        TrainingFailed: the export does not agree with the native model.
    """
    onnx_path = _export(trained, workspace.folder / "model.onnx")
    session = open_session(onnx_path)
    try:
        scores = _score_both(trained, session, dataset, params.seed, stopping)
    except StoppedEarly:  # asked meanwhile: now it is known how many images there is time for
        scores = _score_both(replace(trained, validated=False), session, dataset, params.seed, stopping)
    native, exported = scores.native["map50_95"], scores.exported["map50_95"]
    difference = abs(exported - native)
    report.log(f"exported: map50_95 {native:.4f} native, {exported:.4f} exported")
    boxes = sum(len(sample.annotations) for sample in scores.dataset.val)
    if not difference <= EXPORT_TOLERANCE + 0.2 / max(1, boxes):
        raise TrainingFailed(
            f"the exported model does not agree with the trained one: map50_95 differs by {difference:.3f}"
        )
    card = _card(trained, dataset, params, workspace, scores.native, difference, onnx_path)
    card = card.model_copy(
        update={"metrics_on": metrics_on(dataset, len(scores.dataset.val)), "stopped_early": stopping.for_card()}
    )
    with suppress(StoppedEarly):
        if dataset.test:
            card = card.model_copy(update={"test_metrics": test(card, onnx_path)})
    pictures = _pictures(trained, DetectionPredictor(session, card), scores, workspace.folder)
    told = workspace.folder / FILE
    told.write_bytes(Judgements.of(dataset, scores.judged).to_bytes())
    weights = Path(shutil.copy(trained.engine.best, workspace.folder / "weights.pt"))
    card = card.model_copy(update={"duration_seconds": round(time.monotonic() - started, 1)})
    return TrainedModel(onnx_path, weights, card, (*pictures, told))


def _score_both(
    trained: Trained, session: onnxruntime.InferenceSession, dataset: Dataset, seed: int, stopping: Stopping
) -> _Scores:
    def seconds_an_image() -> float:
        """Measured on the export; the trained network takes about twice as long on a CPU."""
        started, size_px = time.monotonic(), trained.arguments["imgsz"]
        _read(dataset.val[0])
        session.run(None, {"images": np.zeros((1, 3, size_px, size_px), np.float32)})
        return 3 * (time.monotonic() - started)

    engine, samples = trained.engine, dataset.val
    part = stopping.part(len(dataset.val), seconds_an_image, seed)
    if len(part) < len(dataset.val):
        engine.validator.dataloader = _loader(engine, part)
    if len(part) < len(dataset.val) or not trained.validated:
        engine.final_eval()
        dataset = replace(dataset, val=tuple(dataset.val[index] for index in part))
    # Scoring the export fills the same validator anew, so what it says of the native model is read first.
    native = {**named_metrics(engine.metrics), "per_class": metrics_of_classes(engine.validator, dataset.classes)}
    judged: list[Judged] = []

    def tell(image: int, found: list[Found]) -> None:
        if image < len(samples):  # a lone image is there twice
            judged.append(judged_boxes(samples[image], found))

    return _Scores(dataset, native, *score_export(engine.validator, session, tell=tell), tuple(judged))


def _loader(engine: Any, part: np.ndarray) -> Any:
    """Ultralytics' loader of some of the validation images, which are named by their numbers."""
    whole = engine.validator.dataloader
    images = sorted(Path(engine.data["val"]).iterdir())
    listed = engine.save_dir / "part.txt"
    listed.write_text("".join(f"{images[index]}\n" for index in part))
    return engine.get_dataloader(str(listed), batch_size=whole.batch_size, rank=-1, mode="val")


def _export(trained: Trained, path: Path) -> Path:
    import onnx

    exported = trained.model.export(
        format="onnx", dynamic=True, simplify=False, device="cpu", batch=1, imgsz=trained.arguments["imgsz"]
    )
    graph = onnx.load(exported)
    # Ultralytics writes folders of this machine into it.
    del graph.metadata_props[:]
    graph.doc_string = ""
    onnx.checker.check_model(graph, full_check=True)
    onnx.save(graph, path)
    return path


def _card(
    trained: Trained,
    dataset: Dataset,
    params: Any,
    workspace: Workspace,
    metrics: dict[str, Any],
    difference: float,
    onnx_path: Path,
) -> ModelCard:
    engine, size_px, start = trained.engine, trained.arguments["imgsz"], Path(trained.arguments["model"])
    chosen = {
        "image_size": size_px,
        "batch": engine.batch_size,
        "optimizer": engine.args.optimizer,
        "learning_rate": float(engine.args.lr0),
    }
    return ModelCard(
        project_type=dataset.project_type,
        architecture=workspace.yolo_model,
        classes=list(dataset.classes),
        image_size=size_px,
        preprocessing=describe_preprocessing(size_px, int(engine.stride)),
        metrics=metrics,
        metrics_on=metrics_on(dataset, len(dataset.val)),
        export_difference=difference,
        dataset={
            "digest": dataset.digest,
            "train": len(dataset.train),
            "val": len(dataset.val),
            "test": len(dataset.test),
            "seed": params.seed,
            "train_split": params.train_split,
        },
        params={**params.model_dump(), **chosen},
        pretrained=bool(trained.arguments["pretrained"]),
        device=str(engine.device),
        libraries=libraries(),
        licence=f"AGPL-3.0 (made with ultralytics {version('ultralytics')})",
        onnx_sha256=hashlib.sha256(onnx_path.read_bytes()).hexdigest(),
        duration_seconds=0.0,
        # A name without a file is an architecture: from scratch, or resumed where the weights are not at hand.
        pretrained_sha256=file_sha256(start) if start.is_file() else None,
        determinism={"deterministic_algorithms": bool(engine.args.deterministic)},
    )


def _pictures(trained: Trained, predictor: DetectionPredictor, scores: _Scores, folder: Path) -> tuple[Path, ...]:
    """Draw what a person looks at; the predictions are those that will be served, and checked against the native."""
    dataset = scores.dataset
    paths = tuple(folder / name for name in ("results.png", "confusion_matrix.png", "predictions.jpg"))
    draw_curves(trained.follower.history, paths[0])
    draw_confusion(scores.confusion, [*dataset.classes, "(nothing)"], paths[1])
    # Images with boxes first, since they show more.
    shown = sorted(dataset.val, key=lambda sample: not sample.annotations)[:_PICTURED]
    images = [_read(sample) for sample in shown]
    predictions = [predictor.predict(image) for image in images]
    _check_served(trained, images, predictions, dataset.classes)
    draw_boxes(images, predictions, dataset.classes, paths[2])
    return paths


def _read(sample: Sample) -> np.ndarray:
    return decode(sample.path.read_bytes(), sample.width * sample.height)


def _check_served(
    trained: Trained, images: list[np.ndarray], served: list[list[Prediction]], classes: tuple[str, ...]
) -> None:
    """Compare the boxes that will be served with ultralytics' own, from image to box."""
    sure = missing = 0
    for image, predictions in zip(images, served, strict=True):
        result = trained.model.predict(image[..., ::-1].copy(), verbose=False, device=trained.arguments["device"])[0]
        for x1, y1, x2, y2, confidence, index in result.boxes.data.cpu().numpy():
            if confidence > trained.model.predictor.args.conf + _SURE_MARGIN:
                sure += 1
                missing += not _has(predictions, np.array([x1, y1, x2, y2]), classes[int(index)])
    if missing > 1 + SERVED_TOLERANCE * sure:
        raise TrainingFailed(f"the exported model misses {missing} of {sure} boxes that the trained one finds")


def _has(predictions: list[Prediction], box: np.ndarray, class_name: str) -> bool:
    same = [prediction.box_px for prediction in predictions if prediction.class_name == class_name]
    return bool(same) and bool(overlap(box, np.array(same)).max() > _SAME_OVERLAP)
