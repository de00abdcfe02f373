"""A project's data, and all of a project, as files."""

from __future__ import annotations

from pathlib import Path

from diyml_client.bound import Collection
from diyml_client.downloads import Progress, download
from diyml_client.transport import path_of


class Exports(Collection):
    """`project.exports`."""

    def download(
        self, format: str, target: Path | str, version: int | None = None, progress: Progress | None = None
    ) -> Path:
        """Fetch images and labels as a zip file, or the rows of a table.

        Args:
            format: yolo, coco, voc, folders or csv; of a table csv or original, the file that it came by.
            version: of the data set; without one, the data as they are.
        """
        path = path_of("projects", self._project, "exports", format)
        return download(self._transport, path, Path(target), params={"version": version}, progress=progress)

    def capsule(self, target: Path | str, progress: Progress | None = None) -> Path:
        """Fetch all of the project as one file that another DIYML can make a project of; for its owner."""
        return download(self._transport, path_of("projects", self._project, "capsule"), Path(target), progress=progress)
