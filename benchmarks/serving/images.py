"""Photographs to predict: the user's, or pages of hand-written digits of the usual 640 x 480 px."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from demo import digits

WIDTH_PX, HEIGHT_PX = 640, 480
COUNT = 16
_SUFFIXES = (".jpg", ".jpeg")
_QUALITY = 90


def photographs(folder: Path | None, target: Path) -> list[Path]:
    """JPEG files, at most `COUNT` of them.

    Args:
        folder: to take them from, at any depth; None makes some in `target`.
    """
    if folder:
        found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)[:COUNT]
        if not found:
            raise SystemExit(f"no JPEG file in {folder}")
        return [path.absolute() for path in found]
    return _pages(target)


def _pages(target: Path) -> list[Path]:
    """Twelve sheets of digits make a page."""
    sheets = [example.picture() for example in digits.detection().kept]
    target.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(COUNT):
        page = Image.new("RGB", (WIDTH_PX, HEIGHT_PX))
        places = [(x, y) for y in range(0, HEIGHT_PX, digits.CANVAS_PX) for x in range(0, WIDTH_PX, digits.CANVAS_PX)]
        for index, place in enumerate(places):
            page.paste(sheets[(number * 7 + index * 11) % len(sheets)], place)
        content = io.BytesIO()
        page.save(content, "JPEG", quality=_QUALITY)
        paths.append(target / f"{number}.jpg")
        paths[-1].write_bytes(content.getvalue())
    return paths
