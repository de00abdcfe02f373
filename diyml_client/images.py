"""The images of a project."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from diyml_client.bound import Bound, Collection
from diyml_client.downloads import Progress, download
from diyml_client.folders import Labels, found_in
from diyml_client.records import Record, read
from diyml_client.transport import Transport, path_of
from diyml_client.uploads import Uploading, UploadProgress, UploadResult, Uploads


@dataclass
class Annotation(Record):
    """A label: a class of the whole image, or of `box`: x_center, y_center, width, height as fractions of its sides."""

    class_id: int | None = None
    class_name: str = field(default="", metadata={"key": "class"})
    box: list[float] | None = None


@dataclass
class Image(Bound):
    """An image; `size` in bytes, `width` and `height` in pixels as its EXIF data turn it."""

    id: str = ""
    name: str = ""
    sha256: str = ""
    size: int = 0
    format: str = ""
    width: int = 0
    height: int = 0
    annotations: list[Annotation] = field(default_factory=list)
    labelled: bool = False
    split: str = "auto"
    tags: list[str] = field(default_factory=list)
    created_at: datetime | None = None
    updated_at: datetime | None = None
    revision: int = 0
    url: str = ""
    file_url: str = ""
    thumbnail_url: str = ""

    def update(self, **changes: Any) -> Image:
        """Change `name`, `split` or `tags`; None takes a split or the tags away.

        Raises:
            ChangedMeanwhile: somebody else has changed the image since it was read.
        """
        self._take(_read(self._transport, self._transport.json("PATCH", self.url, body=changes, headers=self._tag())))
        return self

    def annotate(self, annotations: Sequence[dict[str, Any]] | str | None) -> Image:
        """Put labels in place of those that are there.

        Args:
            annotations: `[{"class": "cat", "box": [0.5, 0.5, 0.2, 0.3]}]`, or label lines; None leaves it unlabelled.
        """
        body = {"lines": annotations} if isinstance(annotations, str) else {"annotations": annotations}
        path = f"{self.url}/annotations"
        self._take(_read(self._transport, self._transport.json("PUT", path, body=body, headers=self._tag())))
        return self

    def delete(self) -> None:
        """Delete it."""
        self._transport.json("DELETE", self.url)

    def download(self, target: Path | str, progress: Progress | None = None) -> Path:
        """Fetch the file; into a folder under its own name, or to a path."""
        path = Path(target)
        path = path / self.name if path.is_dir() else path
        return download(self._transport, self.file_url, path, sha256=self.sha256, progress=progress)

    def content(self) -> bytes:
        """The file itself."""
        return self._transport.content("GET", self.file_url)

    def thumbnail(self, size_px: int = 256) -> bytes:
        """A small JPEG, `size_px` (a multiple of 64 up to 512) at its longer side."""
        return self._transport.content("GET", self.thumbnail_url, params={"size": size_px})

    def _tag(self) -> dict[str, str]:
        return {"If-Match": f'"{self.revision}"'}


class Images(Collection):
    """`project.images`."""

    def list(self, **filters: Any) -> Iterator[Image]:
        """Those that match, page by page as they are asked for.

        Args:
            filters: class_, split, labelled (true, false, background, waiting), name (how it begins), q (what it
                contains), tag, sha256, min_size, max_size, min_width, max_width, min_height, max_height, sort.
        """
        return self._transport.pages(self._path(), lambda item: _read(self._transport, item), filters)

    def __iter__(self) -> Iterator[Image]:
        """All of them."""
        return self.list()

    def get(self, image: str) -> Image:
        """One, by its id or name."""
        return _read(self._transport, self._transport.json("GET", self._path(image)))

    def upload(
        self,
        source: Path | str | Sequence[Path | str],
        labels: Labels = None,
        *,
        split: str | None = None,
        tags: Sequence[str] = (),
        on_conflict: str = "replace",
        progress: UploadProgress | None = None,
        workers: int = 4,
        resume: bool = True,
    ) -> UploadResult:
        """Upload images, several at once.

        Args:
            source: a folder, with all below it, or files.
            labels: `folders` (the folder an image lies in is its class), `yolo` (a .txt beside it, or in the folder
                `labels` beside `images`), `auto` (whichever is there), a dict from name to labels, or a function of
                the path; labels are a class name, label lines, or `[{"class": ..., "box": ...}]`.
            on_conflict: what to do with a name that is taken: replace, skip, rename or fail.
            progress: gets bytes and images that are dealt with, and all of them.
            resume: leave out what the project has already, under the same name with the same content.

        Returns:
            What became of the images. One that the server refuses is named in `failed` and stops nothing.
        """
        uploads = Uploads(self._transport, self._path(), split, tuple(tags), on_conflict)
        return Uploading(uploads, found_in(source, labels), progress).run(workers, self._known if resume else None)

    def bulk(self, action: str, value: Any = None, *, ids: Sequence[str] = (), **filters: Any) -> int:
        """`delete`, `split`, `tag`, `untag` or `annotate` those of `ids`, or that match; gives how many changed."""
        if not ids and not filters:
            raise ValueError("say which images: ids, or filters as of list()")
        wanted = {name.rstrip("_"): value for name, value in filters.items()}
        body: dict[str, Any] = {"select": {"ids": [*ids]} if ids else {"filter": wanted}, "action": action}
        if value is not None:
            body["value"] = value
        changed = 0
        while True:
            answer = self._transport.json("POST", self._path("bulk"), body=body)
            changed += int(answer["changed"])
            if not answer.get("more") or not answer["changed"]:
                return changed

    def _known(self) -> dict[str, str]:
        return {image.name: image.sha256 for image in self.list()}

    def _path(self, *parts: str) -> str:
        return path_of("projects", self._project, "images", *parts)


def _read(transport: Transport, data: dict[str, Any]) -> Image:
    return read(Image, data, _transport=transport)
