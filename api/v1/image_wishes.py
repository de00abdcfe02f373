"""From what a request says of images to what the rooms below are asked."""

from __future__ import annotations

from collections.abc import Sequence

from api.v1.image_schemas import AnnotationGiven, AnnotationsChange, ImagesFilter, Labelled
from datasets.labels import Label, class_id_of
from storage.image import LabelState
from storage.image_filter import ImageFilter, Range
from storage.projects import Project
from utils import InvalidInput

_STATES = {
    Labelled.TRUE: (LabelState.LABELLED, LabelState.BACKGROUND),
    Labelled.FALSE: (LabelState.UNLABELLED,),
    Labelled.BACKGROUND: (LabelState.BACKGROUND,),
    Labelled.WAITING: (LabelState.LABELLED,),
}


def labels_given(annotations: Sequence[AnnotationGiven]) -> list[Label]:
    """Annotations as the label formats take them.

    Raises:
        InvalidInput: one names no class.
    """
    errors = [
        {"field": "annotations", "annotation": str(number), "message": f"annotation {number}: the class is missing"}
        for number, given in enumerate(annotations, 1)
        if given.class_id is None and given.class_ is None
    ]
    if errors:
        raise InvalidInput(f"annotations: {errors[0]['message']}", errors[:20])
    # Who sends back what was read may have the old name of a class that was renamed meanwhile.
    return [Label(_reference(given), given.box) for given in annotations]


def _reference(given: AnnotationGiven) -> str | int:
    if given.class_id is not None:
        return given.class_id
    assert given.class_ is not None
    return given.class_


def change_of_labels(change: AnnotationsChange) -> str | list[Label] | None:
    """What labels a request has.

    Raises:
        InvalidInput: it has none, or has them in two ways.
    """
    if len(change.model_fields_set & {"annotations", "lines"}) != 1:
        message = "annotations: send `annotations`, a list of {class, box}, or `lines`, label lines; one of the two"
        raise InvalidInput(message, [{"field": "annotations", "message": message}])
    if change.annotations is None:
        return change.lines
    return labels_given(change.annotations)


def filter_of(query: ImagesFilter, project: Project) -> ImageFilter:
    """Which images a request asks for.

    Raises:
        InvalidInput: it names a class that the project never had.
    """
    class_ids = _classes(query, project)
    if query.labelled is Labelled.WAITING:
        gone = set(project.retired) if class_ids is None else set(project.retired) & set(class_ids)
        return _filter(query, tuple(sorted(gone)), project.class_ids)
    return _filter(query, class_ids, ())


def _filter(query: ImagesFilter, class_ids: tuple[int, ...] | None, never: tuple[int, ...]) -> ImageFilter:
    ranges = {
        field: Range(getattr(query, f"min_{field}"), getattr(query, f"max_{field}"))
        for field in ("size", "width", "height")
    }
    return ImageFilter(
        class_ids=class_ids,
        never=never,
        split=query.split.value if query.split else None,
        states=_STATES[query.labelled] if query.labelled else (),
        name=query.name or "",
        text=query.q or "",
        tag=query.tag,
        ranges=ranges,
        sha256=query.sha256,
    )


def _classes(query: ImagesFilter, project: Project) -> tuple[int, ...] | None:
    if query.class_ is None:
        return None
    try:
        asked = {class_id_of(reference, project) for reference in query.class_}
    except ValueError as error:
        raise InvalidInput(f"class: {error}", [{"field": "class", "message": f"class: {error}"}]) from None
    # Images that have not followed yet name the class that was merged into this one.
    return tuple(sorted(asked | {class_id for class_id, into in project.merged.items() if into in asked}))
