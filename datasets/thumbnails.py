"""Small pictures of stored images: made once, kept on disk, and no more at a time than the processor has room for."""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections.abc import Iterator

from PIL import Image

from datasets.images import reduced
from storage.file_cache import FileCache
from storage.files import Files
from storage.image import StoredImage
from utils import Unavailable

_QUALITY = 80
_WAIT_SECONDS = 15.0
_RETRY_AFTER_SECONDS = 2


class Thumbnails:
    """Thumbnails of images.

    Args:
        cache: is shared by the processes of a machine.
        threads: that the process has for requests; a quarter may wait for their turn.
    """

    def __init__(self, files: Files, cache: FileCache, max_pixels: int, threads: int):
        self._files = files
        self._cache = cache
        self._max_pixels = max_pixels
        self._places = threading.Semaphore(max(1, threads // 4))
        self._turns = threading.Semaphore(max(1, (os.cpu_count() or 1) // 2))

    def of(self, image: StoredImage, longest_px: int) -> bytes:
        """A JPEG, turned as the EXIF data says, of which no side is longer; never larger than the image.

        Raises:
            NotFound: the image is not stored any more.
            Unavailable: too many are being made.
        """
        suffix = f"{longest_px}.jpg"
        kept = self._cache.read(image.sha256, suffix)
        if kept is not None:
            return kept
        with self._turn():
            # Somebody else may have made it meanwhile.
            kept = self._cache.read(image.sha256, suffix)
            if kept is not None:
                return kept
            made = thumbnail(self._files.read(image.file_id), self._max_pixels, longest_px)
        self._cache.write(image.sha256, suffix, made)
        return made

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        full = Unavailable("many thumbnails are being made: try again in a moment", [], _RETRY_AFTER_SECONDS)
        if not self._places.acquire(blocking=False):
            raise full
        try:
            if not self._turns.acquire(timeout=_WAIT_SECONDS):
                raise full
            try:
                yield
            finally:
                self._turns.release()
        finally:
            self._places.release()


def thumbnail(content: bytes, max_pixels: int, longest_px: int) -> bytes:
    """A JPEG of an image, EXIF-turned, of which no side is longer; raises as `datasets.images.decode`."""
    stream = io.BytesIO()
    Image.fromarray(reduced(content, longest_px, max_pixels)).save(stream, "JPEG", quality=_QUALITY, optimize=True)
    return stream.getvalue()
