"""What answers about images hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from api.operation import Shown
from datasets.placing import Result
from storage.image import AUTO_SPLIT, LabelState, StoredAnnotation, StoredImage
from storage.projects import Project


class AnnotationShown(Shown):
    """A label of an image."""

    class_id: int
    class_: Annotated[str, Field(alias="class")]
    box: Annotated[list[float] | None, Field(description="Of the whole image, null.")]


class ImageShown(Shown):
    """An image; width and height in pixels after the EXIF turn, size in bytes."""

    id: str
    name: str
    sha256: str
    size: int
    format: str
    width: int
    height: int
    annotations: list[AnnotationShown]
    labelled: Annotated[bool, Field(description="Whether somebody has said what it shows.")]
    label_state: Annotated[
        Literal["labelled", "background", "waiting", "unlabelled"],
        Field(description="`waiting`: all its annotations are of classes that have left the class list."),
    ]
    split: Literal["train", "val", "test", "auto"]
    tags: list[str]
    created_at: datetime | None
    updated_at: datetime | None
    revision: int
    url: str
    file_url: str
    thumbnail_url: str


class UploadedImage(Shown):
    """What became of one file."""

    name: str
    status: Literal["created", "replaced", "skipped", "renamed", "failed"]
    id: str | None
    url: str | None
    error: str | None


class UploadedImages(Shown):
    """What became of all files, in the order in which they came."""

    items: list[UploadedImage]
    created: Annotated[int, Field(description="Those that were renamed among them.")]
    replaced: int
    skipped: int
    failed: int


class BulkChanged(Shown):
    """What came of a change of many images."""

    matched: int
    changed: int
    more: Annotated[bool, Field(description="Whether the filter matches more than one call changes: call again.")]


def image_shown(image: StoredImage, project: Project) -> dict[str, Any]:
    """An image."""
    url = image_url(project, image.id)
    fields = ("name", "sha256", "size", "format", "width", "height", "revision")
    # A class may have been merged or deleted since; images follow one after the other.
    image = replace(image, annotations=project.annotations_now(image.annotations))
    state = image.label_state
    waits = bool(image.annotations) and not image.class_ids & set(project.class_ids)
    return {
        "id": str(image.id),
        **{name: getattr(image, name) for name in fields},
        "annotations": [_annotation(annotation, project) for annotation in image.annotations],
        "labelled": state is not LabelState.UNLABELLED,
        "label_state": "waiting" if waits else state.value,
        "split": image.split or AUTO_SPLIT,
        "tags": list(image.tags),
        "created_at": image.created_at.isoformat() if image.created_at else None,
        "updated_at": image.updated_at.isoformat() if image.updated_at else None,
        "url": url,
        "file_url": f"{url}/file",
        "thumbnail_url": f"{url}/thumbnail",
    }


def images_url(project: Project) -> str:
    """The images of a project."""
    return f"/api/v1/projects/{project.id}/images"


def image_url(project: Project, image_id: object) -> str:
    """The resource of an image."""
    return f"{images_url(project)}/{image_id}"


def uploaded(result: Result, project: Project) -> dict[str, Any]:
    """A file that was placed, or need not be."""
    url = image_url(project, result.id) if result.id else None
    image_id = str(result.id) if result.id else None
    return {"name": result.name, "status": result.outcome.value, "id": image_id, "url": url, "error": None}


def _annotation(annotation: StoredAnnotation, project: Project) -> dict[str, Any]:
    box = list(annotation.box) if annotation.box else None
    return {"class_id": annotation.class_id, "class": project.class_name(annotation.class_id), "box": box}
