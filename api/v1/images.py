"""`/api/v1/projects/<project>/images`: the images of a project."""

from __future__ import annotations

from functools import cached_property
from typing import Any, TypeVar

from flask import request
from pydantic import BaseModel
from werkzeug.datastructures import FileStorage

from api.operation import Page, operation
from api.pagination import page, position
from api.parameters import parameters, parse
from api.uploads import form_fields, sent_files
from api.v1.image_answers import ImageShown, UploadedImages, image_shown, images_url, uploaded
from api.v1.image_schemas import AnnotationsValue, ImageName, ImagesQuery, NewImages
from api.v1.image_wishes import filter_of, labels_given
from api.v1.located import ProjectResource
from datasets.labels import Label
from datasets.placing import Offered, OnConflict, Outcome, Result, place
from datasets.registry import IMAGES
from storage.image import StoredImage
from storage.order import Order, Place
from storage.projects import Project
from utils import Conflict, DomainError, InvalidInput, TooLarge, plural, some_of

FILES = "images"
S = TypeVar("S", bound=BaseModel)
_REFUSALS = (InvalidInput, TooLarge, Conflict)


class ImagesResource(ProjectResource):
    """The base of all that is about images of a project; they come and go by the hundred in a second."""

    REMEMBERS_CALLERS = True
    KIND = IMAGES

    def changes(self) -> bool:
        """Never: neither who may do what, nor what a project answers with."""
        return False


class ImageList(ImagesResource):
    """The images of a project."""

    @cached_property
    def given(self) -> dict[str, Any]:
        """Parameters of a list may come repeatedly; those of an upload are in a form with files."""
        if request.method == "POST":
            return form_fields(FILES)
        sent = parameters()
        return {**sent, "class": request.args.getlist("class")} if "class" in sent else sent

    @operation(takes=ImagesQuery, gives=Page[ImageShown])
    def get(self, query: ImagesQuery) -> dict[str, Any]:
        """List those that match, sorted."""
        order = Order.named(query.sort)
        after = position(query.cursor, order)
        wanted = filter_of(query, self.project)
        images = self.services.store.image_queries.page(self.project.id, wanted, order, query.limit + 1, after)
        project = fitting(self, images)
        return page(
            images,
            query.limit,
            show=lambda image: image_shown(image, project),
            place=lambda image: Place(getattr(image, order.field), image.id),
            order=order,
        )

    @operation(
        takes=NewImages,
        gives=UploadedImages,
        status=201,
        errors=(409, 413),
        files=(FILES,),
        headers={"Location": "the images, or the image if it is one"},
    )
    def post(self, new: NewImages) -> tuple[dict[str, Any], dict[str, str]]:
        """Upload some, each judged by itself."""
        answer = Upload(self, new).run()
        made = [item["url"] for item in answer["items"]]
        return answer, {"Location": made[0] if len(made) == 1 and made[0] else images_url(self.project)}

    def parse(self, schema: type[S], strict: bool = False) -> S:
        """The files themselves are no parameters."""
        return parse(schema, {name: value for name, value in self.given.items() if name != FILES})


class Upload:
    """Files of one form on their way into a project."""

    def __init__(self, resource: ProjectResource, new: NewImages):
        self._store = resource.services.store
        self._most_pixels = resource.services.settings.max_image_pixels
        self._project = resource.project
        self._new = new
        self._files = sent_files()
        self._seen: set[str] = set()
        self._refusals: list[tuple[str, DomainError]] = []

    def run(self) -> dict[str, Any]:
        """Place one file after the other.

        Raises:
            InvalidInput: there is no file, there are labels for a file that is not there, or none was any good.
            TooLarge: all are too large.
            Conflict: the names of all are taken.
        """
        self._check()
        items = [self._item(file) for file in self._files]
        if len(self._refusals) == len(items):
            raise self._refusal()
        counted = [item["status"] for item in items]
        made = counted.count(Outcome.CREATED.value) + counted.count(Outcome.RENAMED.value)
        told = {name: counted.count(name) for name in ("replaced", "skipped", "failed")}
        return {"items": items, "created": made, **told}

    def _check(self) -> None:
        if not self._files:
            message = f"{FILES}: no file: send one or more as files of a multipart form"
            raise InvalidInput(message, [{"field": FILES, "message": message}])
        there = {_last_part(file) for file in self._files}
        if unknown := [name for name in self._new.annotations if name.rpartition("/")[2] not in there]:
            message = f"annotations: there is no file {some_of(unknown)} in this request"
            raise InvalidInput(message, [{"field": "annotations", "message": message}])

    def _item(self, file: FileStorage) -> dict[str, Any]:
        name = _last_part(file)
        try:
            return uploaded(self._place(name, file), self._project)
        except _REFUSALS as error:
            self._refusals.append((name, error))
            return {"name": name, "status": "failed", "id": None, "url": None, "error": error.detail}

    def _place(self, name: str, file: FileStorage) -> Result:
        name = parse(ImageName, {"name": name}).name
        if name in self._seen and self._new.on_conflict is not OnConflict.RENAME:
            raise Conflict(f"the name '{name}' comes more than once in this request: this one was left out")
        self._seen.add(name)
        new, split = self._new, self._new.split
        tags = None if new.tags is None else tuple(new.tags)
        offered = Offered(name, file.read(), self._labels(file), None if split is None else split.stored, tags)
        return place(self._store, self._project, offered, self._most_pixels, new.on_conflict)

    def _labels(self, file: FileStorage) -> str | list[Label] | None:
        given = self._new.annotations
        value = given.get(file.filename or "", given.get(_last_part(file)))
        if value is None:
            return None
        found = parse(AnnotationsValue, {"value": value}).value
        return found if isinstance(found, str) else labels_given(found)

    def _refusal(self) -> DomainError:
        """All files were refused: so is the request, for their common reason."""
        errors = [
            {"field": FILES, "name": name, "message": f"{name}: {error.detail}"} for name, error in self._refusals
        ]
        kinds = {type(error) for _, error in self._refusals}
        kind = kinds.pop() if len(kinds) == 1 else InvalidInput
        more = f" (and {plural(len(errors) - 1, 'more file')})" if len(errors) > 1 else ""
        return kind(errors[0]["message"] + more, errors)


def _last_part(file: FileStorage) -> str:
    """The name of a file without the folders that browsers send along."""
    return (file.filename or "").replace("\\", "/").rpartition("/")[2]


def fitting(resource: ProjectResource, images: list[StoredImage]) -> Project:
    """The project with all classes that the images name, which may be newer than the call."""
    project = resource.project
    if any(image.class_ids - project.known_class_ids for image in images):
        return resource.services.store.projects.refresh(project)
    return project
