"""What is said of samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moodle.datafile import SampleRows, arranged
from moodle.status import Answer, Status

if TYPE_CHECKING:
    from moodle.learner.running import Runner  # brings the runtime, which a server without models does without


def predictions(runner: Runner, rows: SampleRows) -> Answer:
    """The class of each sample and how probable it is, all of it as text.

    Raises:
        InvalidInput: the file does not fit to the model.
    """
    chances = runner.predict(arranged(rows.columns, runner.card.columns, rows.features))
    places = chances.argmax(axis=1)
    best = chances.max(axis=1)
    classes = runner.card.classes
    told = [
        [sample, classes[place], f"{chance:.6f}"]
        for sample, place, chance in zip(rows.samples, places.tolist(), best.tolist(), strict=True)
    ]
    return {"status": int(Status.OK), "info": [], "predictions": told}
