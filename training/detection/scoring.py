"""What a detector's ONNX file is worth, by ultralytics' own validation; ultralytics is AGPL-3.0."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from datasets.judgements import Found
from inference.detection import CONFIDENCE
from inference.protocol import ModelCard
from inference.sessions import open_session
from training.detection.follower import named_metrics
from training.protocol import Scorer

_BATCH = 16


def scorer(data: Path, card: ModelCard, folder: Path) -> Scorer:
    """What scores files of a model on the validation images.

    Args:
        data: the dataset's YAML file.
        folder: where ultralytics may write.
    """
    import torch
    from ultralytics.data.utils import check_det_dataset
    from ultralytics.models.yolo.detect import DetectionValidator

    # As ultralytics validates while it trains, but for the batch, which decides on nothing.
    arguments = {"data": str(data), "imgsz": card.image_size, "batch": _BATCH, "rect": True, "workers": 0}
    given = {"device": "cpu", "plots": False, "verbose": False, "task": "detect", "mode": "val"}
    validator: Any = DetectionValidator(save_dir=folder, args={**arguments, **given})
    validator.data, validator.device = check_det_dataset(str(data)), torch.device("cpu")
    validator.stride = int(card.preprocessing["stride"])
    validator.dataloader = validator.get_dataloader(validator.data["val"], _BATCH)

    def score_file(path: Path, advanced: Callable[[float], None]) -> dict[str, Any]:
        metrics, _ = score_export(validator, open_session(path), advanced)
        return {**metrics, "per_class": metrics_of_classes(validator, tuple(card.classes))}

    return score_file


def score_export(
    validator: Any,
    session: onnxruntime.InferenceSession,
    advanced: Callable[[float], None] = lambda fraction: None,
    tell: Callable[[int, list[Found]], None] = lambda image, found: None,
) -> tuple[dict[str, float], np.ndarray]:
    """Metrics and confusion matrix of an ONNX file, from the inputs and by the rules of the native model's validation.

    Args:
        validator: ultralytics', with its loader, data and device.
        advanced: told after each batch what fraction is done.
        tell: told of each image by its number in the dataset's part what was found in it.

    Returns:
        Metrics as fractions 0 to 1; int, classes + 1 x classes + 1, rows are what is true, the last is background.
    """
    import torch

    dataset, batch_size = validator.dataloader.dataset, validator.dataloader.batch_size
    loader = torch.utils.data.DataLoader(dataset, batch_size=batch_size, collate_fn=dataset.collate_fn)
    validator.init_metrics(_Named(validator.data["names"]))
    validator.args.plots = True  # without it no confusion matrix is counted
    with torch.inference_mode():
        for done, batch in enumerate(loader, 1):
            images = validator.preprocess(batch)["img"].float().cpu().numpy()
            outputs = torch.from_numpy(session.run(None, {"images": images})[0]).to(validator.device)
            predictions = validator.postprocess(outputs)
            for index, prediction in enumerate(predictions):
                tell(int(Path(batch["im_file"][index]).stem), _found(validator, prediction, index, batch))
            validator.update_metrics(predictions, batch)
            validator.run_callbacks("on_val_batch_end")
            advanced(done / len(loader))
    validator.args.plots = False
    return named_metrics(validator.get_stats()), np.rint(validator.confusion_matrix.matrix.T).astype(int)


def _found(validator: Any, prediction: dict[str, Any], index: int, batch: dict[str, Any]) -> list[Found]:
    """Boxes of one image, of which the served model would show those that it is sure of."""
    sure = prediction["conf"] > CONFIDENCE
    height, width = batch["ori_shape"][index]
    # Corners in px of the input become such of the image; ultralytics changes them in place.
    place = {
        "imgsz": batch["img"].shape[2:], "ori_shape": (height, width), "ratio_pad": batch["ratio_pad"][index]
    }  # fmt: skip
    chosen = {name: values[sure].clone() for name, values in prediction.items()}
    corners = validator.scale_preds(chosen, place)["bboxes"].cpu().numpy().reshape(-1, 4)
    x1, y1, x2, y2 = (corners / [width, height, width, height]).T
    boxes = np.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], 1)
    return [
        Found(int(class_index), float(confidence), (float(box[0]), float(box[1]), float(box[2]), float(box[3])))
        for class_index, confidence, box in zip(chosen["cls"], chosen["conf"], boxes, strict=True)
    ]


def metrics_of_classes(validator: Any, classes: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Metrics by class of the validation that ultralytics' validator ended last; None where there was no box."""
    found = validator.metrics
    rows = {int(index): row for row, index in enumerate(found.ap_class_index)}

    def of_class(index: int) -> dict[str, Any]:
        row = rows.get(index)
        return {
            "map50": None if row is None else float(found.box.ap50[row]),
            "map50_95": None if row is None else float(found.box.ap[row]),
            "images": int(found.nt_per_image[index]),
            "boxes": int(found.nt_per_class[index]),
        }

    return {name: of_class(index) for index, name in enumerate(classes)}


@dataclass(frozen=True)
class _Named:
    """The little that a validator asks of a model whose outputs it is handed."""

    names: dict[int, str]
    end2end: bool = False
