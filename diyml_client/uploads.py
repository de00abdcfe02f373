"""Many images on their way to the server, several requests at once."""

from __future__ import annotations

import concurrent.futures
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from diyml_client.errors import Conflict, InvalidRequest
from diyml_client.files import sha256_of
from diyml_client.folders import LocalImage
from diyml_client.multipart import Form, Part
from diyml_client.transport import Transport

BATCH_IMAGES = 16
BATCH_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class UploadState:
    """How far an upload is."""

    images: int
    of_images: int
    size: int
    of_size: int


UploadProgress = Callable[[UploadState], None]


@dataclass
class UploadResult:
    """What became of the images of an upload.

    Attributes:
        present: there already, and not sent.
        failed: reason by name.
    """

    created: int = 0
    replaced: int = 0
    skipped: int = 0
    present: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    def add(self, answer: Mapping[str, Any]) -> None:
        """Count what the server says of a batch."""
        self.created += int(answer.get("created", 0))
        self.replaced += int(answer.get("replaced", 0))
        self.skipped += int(answer.get("skipped", 0))
        failed = [item for item in answer.get("items", []) if item.get("status") == "failed"]
        self.failed.update({item["name"]: item.get("error") or "refused" for item in failed})


@dataclass(frozen=True)
class Uploads:
    """Where images go, and what is said of all of them."""

    transport: Transport
    path: str
    split: str | None
    tags: tuple[str, ...]
    on_conflict: str

    def send(self, batch: Sequence[LocalImage]) -> Mapping[str, Any]:
        """Upload a batch; one image that is no good does not lose the others.

        Raises:
            DiymlError: something is wrong that is no matter of single images.
        """
        form = Form([*self._fields(batch), *(Part("images", image.path, image.name) for image in batch)])
        headers = {"Content-Type": form.content_type}
        try:
            return dict(self.transport.json("POST", self.path, data=lambda: form, headers=headers))
        except (InvalidRequest, Conflict) as error:
            # A batch of which no image is any good is refused as a whole, and so is one that is too large.
            if len(batch) == 1:
                return {"items": [{"name": batch[0].name, "status": "failed", "error": error.detail}]}
            return self._one_by_one(batch)

    def _one_by_one(self, batch: Sequence[LocalImage]) -> Mapping[str, Any]:
        result: dict[str, Any] = {"items": [], "created": 0, "replaced": 0, "skipped": 0}
        for image in batch:
            answer = self.send([image])
            for name, value in result.items():
                result[name] = value + answer.get(name, type(value)())
        return result

    def _fields(self, batch: Sequence[LocalImage]) -> Iterator[Part]:
        labels = {image.name: _labels(image.labels) for image in batch if image.labels is not None}
        fields = {
            "on_conflict": self.on_conflict,
            "split": self.split,
            "tags": json.dumps(self.tags) if self.tags else None,
            "annotations": json.dumps(labels) if labels else None,
        }
        for name, value in fields.items():
            if value is not None:
                yield Part(name, value.encode())


class Uploading:
    """One upload of some images."""

    def __init__(self, uploads: Uploads, images: Sequence[LocalImage], progress: UploadProgress | None):
        self._uploads = uploads
        self._images = images
        self._progress = progress
        self._lock = threading.Lock()
        self._result = UploadResult()
        self._done = [0, 0]
        self._whole = (len(images), sum(image.size for image in images))

    def run(self, workers: int, known: Callable[[], Mapping[str, str]] | None) -> UploadResult:
        """Send what is missing.

        Args:
            known: gives the SHA-256 of what is there by name; None sends everything.

        Raises:
            DiymlError: it cannot go on; what has arrived is there, and a further run sends the rest.
        """
        there = known() if known else {}
        with concurrent.futures.ThreadPoolExecutor(max(1, workers), "upload") as pool:
            futures = [pool.submit(self._send, batch) for batch in batches(self._missing(there))]
            try:
                for future in concurrent.futures.as_completed(futures):
                    future.result()
            except BaseException:
                # What has not begun is not begun any more; the caller hears the first reason.
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        return self._result

    def _missing(self, there: Mapping[str, str]) -> Iterator[LocalImage]:
        for image in self._images:
            if image.name in there and there[image.name] == sha256_of(image.path):
                self._result.present += 1
                self._tell([image])
            else:
                yield image

    def _send(self, batch: list[LocalImage]) -> None:
        answer = self._uploads.send(batch)
        with self._lock:
            self._result.add(answer)
        self._tell(batch)

    def _tell(self, batch: Sequence[LocalImage]) -> None:
        with self._lock:
            self._done[0] += len(batch)
            self._done[1] += sum(image.size for image in batch)
            state = UploadState(self._done[0], self._whole[0], self._done[1], self._whole[1])
            if self._progress:
                self._progress(state)


def batches(images: Iterator[LocalImage]) -> Iterator[list[LocalImage]]:
    """Images in groups that are bounded in number and bytes."""
    batch: list[LocalImage] = []
    size = 0
    for image in images:
        if batch and (len(batch) >= BATCH_IMAGES or size + image.size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(image)
        size += image.size
    if batch:
        yield batch


def _labels(labels: Any) -> Any:
    return labels if isinstance(labels, str) else [dict(item) for item in labels]
