"""`/api/v1/projects/<project>/exports/<export_format>`: a project's data as a zip archive that other tools read."""

from __future__ import annotations

from flask import Response, request

from api.downloads import disposition
from api.operation import Content, operation
from api.streams import ending
from api.v1.located import ProjectResource
from api.v1.version_schemas import ExportQuery
from datasets.export import export, format_for
from datasets.frozen import FrozenDataset
from datasets.registry import IMAGES
from datasets.versions import current, thawed

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class DatasetExport(ProjectResource):
    """Images and labels in one of the formats."""

    KIND = IMAGES

    @operation(
        takes=ExportQuery,
        gives=Content("application/zip"),
        errors=(429, 503),
        headers={
            "Content-Length": "of the whole archive, known before it is made; HEAD asks for it alone.",
            "Content-Disposition": "a name for the file.",
        },
    )
    def get(self, query: ExportQuery, export_format: str) -> Response:
        """Download images, labels and `diyml.json`, which an import reads to give the same dataset again.

        With `version` it is that version of the dataset. Formats: `yolo`, `coco`, `voc` for boxes, `folders` for one
        class an image, `csv` for both.
        """
        format = format_for(export_format, self.project)
        release = self.services.streams.admit(self.user.id)
        try:
            dataset = self._dataset(query.version)
            archive = export(dataset.project, dataset.images, self.services.store.image_files, format)
        except BaseException:
            release()
            raise
        headers = {
            **_HEADERS,
            "Content-Disposition": disposition("attachment", f"{dataset.project.name}-{format.name}.zip"),
        }
        content = () if request.method == "HEAD" else archive.stream()
        response = Response(ending(release, content), mimetype="application/zip", headers=headers)
        response.content_length = archive.length
        response.call_on_close(release)  # a stream that nobody began to read does not end
        return response

    def _dataset(self, version: int | None) -> FrozenDataset:
        store = self.services.store
        if version is None:
            return current(store, self.project)
        return thawed(store, self.project, store.versions.get(self.project.id, version))
