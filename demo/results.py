"""What the story has shown: figures in words, and a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from demo.examples import Material
from demo.pictures import Answer, draw_boxes, draw_classes, is_right
from demo.scores import LEAST_OVERLAP, Tally, predicted_boxes, right_boxes, true_boxes
from demo.terminal import Terminal
from utils import plural

SURE = 0.5


def report(answers: list[Answer], material: Material, folder: Path, terminal: Terminal) -> None:
    """Say how good the answers are and draw some of them."""
    path = folder / f"{material.project_type}.png"
    for line in REPORTS[material.project_type](answers, material, path):
        terminal.settle("measured", line)
    terminal.settle("picture", str(path))


def _report_classification(answers: list[Answer], material: Material, path: Path) -> list[str]:
    draw_classes(answers, material.classes, path)
    right = sum(is_right(answer, material.classes) for answer in answers)
    images = plural(len(answers), "image")
    return [f"accuracy {right / len(answers):.1%}: {right:,} of {images} that were never uploaded are right"]


def _report_detection(answers: list[Answer], material: Material, path: Path) -> list[str]:
    draw_boxes(answers, material.classes, path)
    tally = sum((tally_of(answer, material.classes) for answer in answers), Tally())
    sure = sum((tally_of(surer(answer), material.classes) for answer in answers), Tally())
    return [
        f"recall {tally.recall:.1%}: of {plural(tally.true, 'object')} on {plural(len(answers), 'image')} that were "
        f"never uploaded, {tally.right:,} found with the right class (IoU >= {LEAST_OVERLAP})",
        f"precision {tally.precision:.1%}: of {tally.found:,} predicted boxes, {tally.right:,} are right; "
        f"of those with a confidence of {SURE} or more, {sure.precision:.1%}",
    ]


def surer(answer: Answer) -> Answer:
    """Without the predictions that the model itself doubts."""
    example, predictions = answer
    return example, [item for item in predictions if item["confidence"] >= SURE]


def tally_of(answer: Answer, classes: tuple[str, ...]) -> Tally:
    """What of one image was found."""
    example, predictions = answer
    true = true_boxes(example.labels, classes, example.picture().size)
    found = predicted_boxes(predictions)
    return Tally(len(true), len(found), sum(right_boxes(found, true)))


REPORTS: dict[str, Callable[[list[Answer], Material, Path], list[str]]] = {
    "classification": _report_classification,
    "detection": _report_detection,
}
