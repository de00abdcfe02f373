"""`/api/v1/projects/<project>/exports/<export_format>`: a project's data as one file that other tools read."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from api.downloads import disposition
from api.operation import Content, operation
from api.streams import ending
from api.v1.located import ProjectResource
from api.v1.version_schemas import ExportQuery
from datasets.registry import KINDS
from datasets.tables.formats import MEDIA_TYPES
from datasets.versions import current, thawed

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class DatasetExport(ProjectResource):
    """The data in one of the formats of their kind."""

    @operation(
        takes=ExportQuery,
        gives=Content("application/zip", others=tuple(dict.fromkeys(MEDIA_TYPES.values()))),
        errors=(409, 429, 503),
        headers={
            "Content-Length": "of the whole file, known before it is made; HEAD asks for it alone.",
            "Content-Disposition": "a name for the file.",
        },
    )
    def get(self, query: ExportQuery, export_format: str) -> Response:
        """Download images, labels and `diyml.json`, which an import reads to give the same dataset again; or a table.

        With `version` it is that version of the dataset. Formats: `yolo`, `coco`, `voc` for boxes, `folders` for one
        class an image, `csv` for both; of a table `csv`, or `original`, the file that it came by.
        """
        make = KINDS[self.project.type].exporter(export_format, self.project)
        release = self.services.streams.admit(self.user.id)
        try:
            made = make(self.services.store, self._dataset(query.version))
        except BaseException:
            release()
            raise
        headers = {**_HEADERS, "Content-Disposition": disposition("attachment", made.filename)}
        content = () if request.method == "HEAD" else made.stream()
        response = Response(ending(release, content), mimetype=made.media_type, headers=headers)
        response.content_length = made.length
        response.call_on_close(release)  # a stream that nobody began to read does not end
        return response

    def _dataset(self, version: int | None) -> Any:
        store = self.services.store
        if version is None:
            return current(store, self.project)
        return thawed(store, self.project, store.versions.get(self.project.id, version))
