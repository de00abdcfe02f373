"""`/api/v1/projects/<project>/exports/<export_format>`: a project's data as a zip archive that other tools read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote

from flask import Response, request

from api.operation import Content, operation
from api.v1.located import ProjectResource
from api.v1.version_schemas import ExportQuery
from datasets.export import export, format_for
from datasets.frozen import FrozenDataset
from datasets.versions import current, thawed

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class DatasetExport(ProjectResource):
    """Images and labels in one of the formats."""

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
        headers = {**_HEADERS, "Content-Disposition": _attachment(f"{dataset.project.name}-{format.name}.zip")}
        content = () if request.method == "HEAD" else archive.stream()
        response = Response(_then(release, content), mimetype="application/zip", headers=headers)
        response.content_length = archive.length
        response.call_on_close(release)  # a stream that nobody began to read does not end
        return response

    def _dataset(self, version: int | None) -> FrozenDataset:
        store = self.services.store
        if version is None:
            return current(store, self.project)
        return thawed(store, self.project, store.versions.get(self.project.id, version))


def _then(call: Callable[[], None], pieces: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from pieces
    finally:
        call()


def _attachment(name: str) -> str:
    """RFC 6266: a name of ASCII for old clients, and the real one."""
    plain = "".join(character if character.isascii() and character not in '"\\%;' else "_" for character in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
