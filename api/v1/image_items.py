"""`/api/v1/projects/<project>/images/<image>`: one image, its labels, its file."""

from __future__ import annotations

from functools import cached_property
from typing import Any, TypeVar

from flask import Response, request
from pydantic import BaseModel

from api.downloads import Download, content_headers, has_it
from api.etags import changed_meanwhile, etag, wanted_revision
from api.operation import Content, operation
from api.parameters import parameters, parse
from api.uploads import BODY, body_fields, sent_body
from api.v1.image_answers import ImageShown, UploadedImage, image_shown, uploaded
from api.v1.image_schemas import AnnotationsChange, ImageChange, ImageName, ThumbnailQuery
from api.v1.image_wishes import change_of_labels
from api.v1.images import ImagesResource, fitting
from datasets.placing import Offered, labels_of, place
from storage.image import Labels, StoredImage
from utils import InvalidInput

_MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "BMP": "image/bmp"}
S = TypeVar("S", bound=BaseModel)
_SENT = (*_MEDIA_TYPES.values(), "application/octet-stream")
_REVISION = {"ETag": "the revision"}
_CONTENT = {"ETag": "the SHA-256 of the content"}


class ImageResource(ImagesResource):
    """Something of the image that `<image>` names, by its id or its name."""

    def locate(self, path: dict[str, Any]) -> None:
        """As of a project."""
        super().locate(path)
        self._reference = path.pop("image")

    @cached_property
    def image(self) -> StoredImage:
        """The image, as it was when it was first asked for; a deletion that is repeated with its key asks for none.

        Raises:
            NotFound: there is none.
        """
        return self.services.store.images.named(self.project.id, self._reference)

    def shown(self, image: StoredImage | None) -> tuple[dict[str, Any], dict[str, str]]:
        """The image with its revision; None stands for one that somebody else has changed since.

        Raises:
            NotFound: or deleted.
            ChangedMeanwhile: it is another one than the caller knows.
        """
        if image is None:
            self.services.store.images.named(self.project.id, str(self.image.id))
            raise changed_meanwhile(f"the image '{self.image.name}'")
        return image_shown(image, fitting(self, [image])), etag(image.revision)


class ImageItem(ImageResource):
    """One image."""

    @operation(gives=ImageShown, errors=(404,), headers=_REVISION)
    def get(self) -> tuple[dict[str, Any], dict[str, str]]:
        """The image with its labels."""
        return self.shown(self.image)

    @operation(takes=ImageChange, gives=ImageShown, errors=(404, 409, 412), headers=_REVISION)
    def patch(self, change: ImageChange) -> tuple[dict[str, Any], dict[str, str]]:
        """Change its name, its split or its tags."""
        fields: dict[str, Any] = {}
        if "name" in change.model_fields_set:
            if change.name is None:
                raise InvalidInput("name: an image needs one", [{"field": "name", "message": "an image needs a name"}])
            fields["name"] = change.name
        if "split" in change.model_fields_set:
            fields["split"] = change.split.stored if change.split else ""
        if "tags" in change.model_fields_set:
            fields["tags"] = change.tags or []
        if not fields:
            raise InvalidInput("nothing to change: send name, split or tags")
        return self.shown(self.services.store.images.describe(self.image, fields, wanted_revision()))

    @operation(errors=(404, 412), status=204)
    def delete(self) -> None:
        """Delete it."""
        wanted = wanted_revision()
        if not self.services.store.images.delete_one(self.image, wanted):
            self.shown(None)


class ImageAnnotations(ImageResource):
    """What an image shows."""

    @operation(takes=AnnotationsChange, gives=ImageShown, errors=(404, 412), headers=_REVISION)
    def put(self, change: AnnotationsChange) -> tuple[dict[str, Any], dict[str, str]]:
        """Say it, in place of what was said before."""
        labels = labels_of(change_of_labels(change), self.project) or Labels()
        return self.shown(self.services.store.images.label(self.image, labels, wanted_revision()))


class ImageFile(ImageResource):
    """The file of an image."""

    @cached_property
    def given(self) -> dict[str, Any]:
        """The body of a PUT is the file."""
        return body_fields() if request.method == "PUT" else parameters()

    def parse(self, schema: type[S], strict: bool = False) -> S:
        """The file is no parameter."""
        return parse(schema, {name: value for name, value in self.given.items() if name != BODY})

    @operation(gives=UploadedImage, errors=(409, 413), body=_SENT)
    def put(self) -> dict[str, Any]:
        """Make the body the file of this image, or of a new one of this name."""
        content, store = sent_body(_SENT), self.services.store
        name = store.images.name_of(self.project.id, self._reference)
        offered = Offered(parse(ImageName, {"name": name}).name, content)
        return uploaded(place(store, self.project, offered, self.services.settings.max_image_pixels), self.project)

    @operation(gives=Content("image/*"), errors=(404, 416), headers=_CONTENT)
    def get(self) -> Response:
        """As it was uploaded, whole or a range of it."""
        image, files = self.image, self.services.store.image_files
        return Download(
            _file_name(image),
            _MEDIA_TYPES[image.format],
            image.size,
            image.sha256,
            lambda start, stop: files.stream_range(image.file_id, start, stop),
        ).answer()


class ImageThumbnail(ImageResource):
    """A small picture of an image."""

    @operation(takes=ThumbnailQuery, gives=Content("image/jpeg"), errors=(404,), headers=_CONTENT)
    def get(self, query: ThumbnailQuery) -> Response:
        """JPEG, turned as the EXIF data says, the longest side at most so long."""
        image, tag = self.image, f"{self.image.sha256}-{query.size}"
        headers = content_headers(tag, f"{image.name}-{query.size}.jpg")
        if has_it(tag):
            return Response(status=304, headers=headers)
        content = self.services.thumbnails.of(image, query.size)
        return Response(content, headers=headers, mimetype="image/jpeg")


def _file_name(image: StoredImage) -> str:
    """With the ending that a program needs, if it has none."""
    return image.name if "." in image.name.strip(".") else f"{image.name}.{image.format.lower()}"
