"""Images as users send them: checked from the header before anything is decoded, then decoded one way everywhere."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image

from datasets.perceptual import look_of
from utils import InvalidInput, TooLarge

FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
_ORIENTATION = 0x0112
_QUARTER_TURNS = (5, 6, 7, 8)
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_MULTI_PICTURE = "MPO"
_LOOK_PX = 64


@dataclass(frozen=True)
class ImageInfo:
    """What an image is, as it is stored with it; width and height in pixels after the EXIF turn.

    Attributes:
        perceptual_hash: see `datasets.perceptual.Look`; `thumbnail` likewise.
    """

    format: str
    width: int
    height: int
    perceptual_hash: int
    thumbnail: bytes


def read_info(content: bytes, max_pixels: int) -> ImageInfo:
    """Check an image from its header and decode it once to know that it is whole.

    Raises:
        InvalidInput: not an image of an allowed format, animated, or truncated.
        TooLarge: more than `max_pixels` pixels.
    """
    with _open(content, max_pixels) as image:
        width, height = image.size
        # All of a JPEG is read this way, but only as many pixels made of it as the look needs: half of the time.
        image.draft(None, (_LOOK_PX, _LOOK_PX))
        _load(image)
        orientation = _orientation(image)
        if orientation in _QUARTER_TURNS:
            width, height = height, width
        look = look_of(_plain(image), _TURNS.get(orientation))
        return ImageInfo(_format(image), width, height, look.hash, look.thumbnail)


def decode(content: bytes, max_pixels: int) -> np.ndarray:
    """Decode an image: uint8, height x width x 3, RGB, EXIF-turned.

    Transparency is dropped and of 16 bits a channel the upper 8 are kept: that is what OpenCV does (IMREAD_COLOR,
    https://docs.opencv.org/4.x/d4/da8/group__imgcodecs.html), and an image must look the same to whatever reads it in
    training and in inference. Pixels that were fully transparent show the colour stored under them.

    Raises:
        InvalidInput: as `read_info`.
        TooLarge: as `read_info`.
    """
    with _open(content, max_pixels) as image:
        _load(image)
        return _upright(image)


def reduced(content: bytes, longest_px: int, max_pixels: int) -> np.ndarray:
    """As `decode`, no side longer than `longest_px`; much of a large JPEG need not be decoded for that.

    Raises:
        InvalidInput: as `read_info`.
        TooLarge: as `read_info`.
    """
    with _open(content, max_pixels) as image:
        image.draft("RGB", (longest_px, longest_px))  # does nothing for other formats
        _load(image)
        scale = min(1.0, longest_px / max(image.size))
        whole = _upright(image)
    if scale == 1.0:
        return whole
    height, width = (max(1, round(side * scale)) for side in whole.shape[:2])
    return np.asarray(Image.fromarray(whole).resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0))


def _upright(image: Image.Image) -> np.ndarray:
    turn = _TURNS.get(_orientation(image))
    upright = image if turn is None else image.transpose(turn)
    return np.asarray(_plain(upright).convert("RGB"))


def _plain(image: Image.Image) -> Image.Image:
    """The picture in 8 bits, grey or RGB."""
    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


def _open(content: bytes, max_pixels: int) -> Image.Image:
    """Read the header only; Pillow's own bomb warning is off because ours comes first and is stricter."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError:
        raise TooLarge(f"the image has more than the {max_pixels:,} pixels allowed: send a smaller one") from None
    except Exception:  # Pillow's parsers raise many kinds on damaged files, and which ones changes between versions.
        raise _invalid(f"not an image: wanted one of {', '.join(FORMATS)}, got something else") from None
    width, height = image.size
    if width * height > max_pixels:
        raise TooLarge(f"the image has {width} x {height} = {width * height:,} pixels, allowed are {max_pixels:,}")
    if image.format != _MULTI_PICTURE and getattr(image, "is_animated", False):
        raise _invalid("the image is animated: send a single picture")
    return image


def _invalid(detail: str) -> InvalidInput:
    return InvalidInput(detail, [{"field": "image_data", "message": detail}])


def _format(image: Image.Image) -> str:
    """Phones append previews and depth maps to a JPEG file, which Pillow calls MPO; the first picture is the photo."""
    return "JPEG" if image.format == _MULTI_PICTURE else str(image.format)


def _load(image: Image.Image) -> None:
    try:
        image.load()
    except Exception as error:  # so do its decoders: struct.error, IndexError, zlib.error, ...
        raise _invalid(f"the image is damaged or cut short: {error}") from None


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; damaged EXIF data, which viewers ignore as well, is 1."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # and its reader of EXIF data
        return 1
    return value if value in _TURNS else 1
