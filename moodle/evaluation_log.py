"""What Moodle may download of an evaluation: a text, and a picture of the ROC curves."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moodle.evaluation import Evaluation
from utils import VERSION

TEXT, PICTURE = "evaluation.txt", "roc-curve.png"
_MOST_CURVES = 20


def pack_log(evaluation: Evaluation) -> bytes:
    """The ZIP file."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(TEXT, _text(evaluation))
        if evaluation.rounds:
            archive.writestr(PICTURE, _picture(evaluation))
    return stream.getvalue()


def _text(evaluation: Evaluation) -> str:
    rounds = [f"{place + 1:>5}  {_figures(each.metrics)}" for place, each in enumerate(evaluation.rounds)]
    answer = json.dumps(evaluation.answer, indent=1)
    lines = [f"DIYML {VERSION}", f"classes: {', '.join(evaluation.classes)}", "", "round", *rounds, "", answer]
    return "\n".join(lines) + "\n"


def _figures(metrics: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())


def _picture(evaluation: Evaluation) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.add_subplot()
    target = np.concatenate([each.target for each in evaluation.rounds])
    chances = np.concatenate([each.chances for each in evaluation.rounds])
    shown = range(1, 2) if len(evaluation.classes) == 2 else range(min(len(evaluation.classes), _MOST_CURVES))
    for place in shown:
        _curve(axes, target == place, chances[:, place], evaluation.classes[place])
    axes.plot([0, 1], [0, 1], "--", color="grey", linewidth=1)
    axes.set(xlabel="False positive rate", ylabel="True positive rate", title="ROC curve, all rounds together")
    axes.legend(loc="lower right")
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=100)
    return stream.getvalue()


def _curve(axes: Any, positive: NDArray[np.bool_], chances: NDArray[np.float64], name: str) -> None:
    from sklearn.metrics import auc, roc_curve

    if positive.any() and not positive.all():
        false, true, _ = roc_curve(positive, chances)
        axes.plot(false, true, label=f"{name[:40].replace('$', '')}: area {auc(false, true):.3f}")
