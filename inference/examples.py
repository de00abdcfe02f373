"""What a published model finds in the example image of its project: found once, then kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from inference.answers import Engine
from storage.catalogue import Entry
from storage.images import StoredImage
from storage.store import Store
from utils import DomainError


@dataclass(frozen=True)
class Example:
    """An image and what was found in it.

    Attributes:
        predictions: as `predicted` gives them; None when nobody can tell now.
    """

    image: StoredImage
    predictions: list[dict[str, Any]] | None


def example_of(store: Store, engine: Engine, entry: Entry) -> Example | None:
    """The example of a published project; None when it names none, or the image is gone."""
    project = entry.project
    example_id = project.publication.example_id
    image = store.images.of_id(project.id, example_id) if example_id else None
    if image is None:
        return None
    key = {"model_id": project.model_id, "sha256": image.sha256}
    known = entry.example
    if known and known.items() >= key.items():
        return Example(image, known["predictions"])
    try:
        found = engine.predict(project.served_model_id, store.image_files.read(image.file_id))
    except DomainError:  # the engine is full, or the image or the model is going: the next one to ask may know
        return Example(image, None)
    predictions = [{"class": p.class_name, "confidence": p.confidence, "box": list(p.box_px)} for p in found]
    store.catalogue.keep_example(entry, {**key, "predictions": predictions})
    return Example(image, predictions)
