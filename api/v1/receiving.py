"""The bases of what large files are sent to: whole, or by tus in parts that may be sent again after a break."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

from flask import Response, request
from werkzeug.exceptions import UnsupportedMediaType

from api.operation import operation
from api.resource import PlatformResource
from api.v1 import tus
from api.v1.import_upload import receive
from storage.import_record import Import
from storage.imports import Imports
from training.queue import wake
from utils import InvalidInput


class ReceivesFiles(PlatformResource):
    """Takes in the bytes of an upload.

    Attributes:
        BODIES: media types of whole files.
    """

    BODIES: ClassVar[tuple[str, ...]] = ()

    @property
    def uploads(self) -> Imports:
        """Where they are kept."""
        raise NotImplementedError  # each kind of upload has a collection of its own

    @cached_property
    def given(self) -> dict[str, Any]:
        """Of a call that brings a file, its size and the query: its body is read as it comes."""
        if not self.brings_bytes():
            return super().given
        if request.method == "POST" and not request.content_length and "size" not in request.args:
            what = "does not say its size (Content-Length)" if "Transfer-Encoding" in request.headers else "is empty"
            raise InvalidInput(f"the body {what}: send the file as the body, or JSON with its size and filename")
        size = {"size": request.content_length} if request.method == "POST" and request.content_length else {}
        return {**request.args.to_dict(), **size}

    def brings_bytes(self) -> bool:
        """Whether the body is no JSON and no form."""
        return request.mimetype in (*self.BODIES, tus.BODY, "application/octet-stream")

    def receive(self, record: Import, offset: int) -> Import:
        """Take in the body; with its last byte the upload is queued."""
        release = self.services.uploads.admit(self.user.id)
        try:
            record = receive(self.uploads, record, offset, tus.Checksum())
        finally:
            release()
        if record.offset == record.size:
            wake(self.services.queue)
        return record


class UploadData(ReceivesFiles):
    """The bytes of an upload, by tus; a subclass finds the `record`."""

    record: Import

    def dispatch_request(self, *args: Any, **kwargs: Any) -> Any:
        """All answers here are those of tus, refusals too."""
        tus.speak()
        return super().dispatch_request(*args, **kwargs)

    def brings_bytes(self) -> bool:
        """Whatever is sent here is one."""
        return request.method == "PATCH"

    def reads(self) -> bool:
        """The offset says whether bytes that come again are known already, so no other key is needed for that."""
        return request.method != "DELETE"

    @operation(headers={tus.OFFSET: "bytes that are stored", tus.LENGTH: "bytes of the whole file"})
    def head(self) -> Response:
        """How far the upload is."""
        return Response(status=200, headers=tus.state(self.record))

    @operation(status=204, errors=(409, 413, 415), body=(tus.BODY,), headers={tus.OFFSET: "bytes stored now"})
    def patch(self) -> Response:
        """Append bytes at the offset; with the last one the work on it is queued."""
        if request.mimetype != tus.BODY:
            raise UnsupportedMediaType(f"the body must be {tus.BODY}, got '{request.mimetype or 'no content type'}'")
        try:
            record = self.receive(self.record, tus.number(tus.OFFSET))
        except tus.ChecksumMismatch:
            return tus.checksum_mismatch()
        return Response(status=204, headers={tus.OFFSET: str(record.offset), **tus.expiry(record.expires_at)})

    @operation(status=204)
    def delete(self) -> None:
        """Give the upload up, and forget what it was for."""
        self.uploads.delete(self.record.id)
