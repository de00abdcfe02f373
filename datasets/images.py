"""Images as users send them: checked from the header before anything is decoded, then decoded one way everywhere."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from utils import InvalidInput, TooLarge

FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
_ORIENTATION = 0x0112
_QUARTER_TURNS = (5, 6, 7, 8)


@dataclass(frozen=True)
class ImageInfo:
    """What the header says; width and height in pixels after the EXIF turn."""

    format: str
    width: int
    height: int


def read_info(content: bytes, max_pixels: int) -> ImageInfo:
    """Check an image from its header and decode it once to know that it is whole.

    Raises:
        InvalidInput: not an image of an allowed format, animated, or truncated.
        TooLarge: more than `max_pixels` pixels.
    """
    with _open(content, max_pixels) as image:
        _load(image)
        width, height = image.size
        if image.getexif().get(_ORIENTATION) in _QUARTER_TURNS:
            width, height = height, width
        return ImageInfo(str(image.format), width, height)


def decode(content: bytes, max_pixels: int) -> np.ndarray:
    """Decode an image: uint8, height x width x 3, RGB, EXIF-turned.

    Raises:
        InvalidInput: as `read_info`.
        TooLarge: as `read_info`.
    """
    with _open(content, max_pixels) as image:
        _load(image)
        turned = ImageOps.exif_transpose(image)
        return np.asarray(turned.convert("RGB"))


def _open(content: bytes, max_pixels: int) -> Image.Image:
    """Read the header only; Pillow's own bomb warning is off because ours comes first and is stricter."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError:
        raise TooLarge(f"the image has more than the {max_pixels:,} pixels allowed: send a smaller one") from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, TypeError, KeyError, EOFError):
        raise InvalidInput(f"not an image: wanted one of {', '.join(FORMATS)}, got something else") from None
    width, height = image.size
    if width * height > max_pixels:
        raise TooLarge(f"the image has {width} x {height} = {width * height:,} pixels, allowed are {max_pixels:,}")
    if getattr(image, "is_animated", False):
        raise InvalidInput("the image is animated: send a single picture")
    return image


def _load(image: Image.Image) -> None:
    # Pillow's decoders raise many kinds of error on damaged files (struct.error, IndexError, zlib.error, ...),
    # and which ones changes between versions.
    try:
        image.load()
    except Exception as error:
        raise InvalidInput(f"the image is damaged or cut short: {error}") from None
