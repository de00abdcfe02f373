"""One decoding for training and inference, with the same pixels as OpenCV has."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from datasets.images import decode, read_info
from utils import InvalidInput, TooLarge

MOST = 1_000_000
PIXELS = np.random.default_rng(3).integers(0, 256, (30, 50, 4), dtype=np.uint8)


def saved(pixels: np.ndarray | Image.Image, format: str = "PNG", **options: Any) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def opencv(content: bytes) -> np.ndarray:
    read = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert read is not None
    return read[:, :, ::-1]


@pytest.mark.parametrize(
    "content",
    [
        saved(PIXELS[:, :, :3]),
        saved(PIXELS[:, :, 0]),
        saved(PIXELS),
        saved(PIXELS[:, :, :3], "BMP"),
        saved(PIXELS[:, :, :3], "WEBP", lossless=True),
        saved(Image.fromarray(PIXELS).convert("LA")),
        saved(Image.fromarray(PIXELS[:, :, :3]).convert("P")),
        saved(Image.fromarray(PIXELS[:, :, 0]).convert("1")),
        saved((PIXELS[:, :, 0].astype(np.uint16) << 8) + PIXELS[:, :, 1]),
    ],
)
def test_lossless_images_have_the_pixels_opencv_reads(content: bytes):
    pixels = decode(content, MOST)
    assert (pixels.dtype, pixels.shape) == (np.uint8, (30, 50, 3))
    assert np.array_equal(pixels, opencv(content))


def test_16_bits_are_scaled_and_not_cut_off():
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    assert np.array_equal(decode(saved(ramp), MOST)[:, :, 0].ravel(), np.arange(256))


def test_transparent_pixels_show_the_colour_stored_under_them():
    pixels = PIXELS.copy()
    pixels[:, :, 3] = 0
    assert np.array_equal(decode(saved(pixels), MOST), pixels[:, :, :3])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_the_turn_of_exif_is_done_and_told(format: str, orientation: int):
    exif = Image.Exif()
    exif[0x0112] = orientation
    block = np.zeros((32, 48, 3), np.uint8)
    block[:16, :24] = 255
    content = saved(block, format, exif=exif, quality=95)
    upright = decode(content, MOST)
    info = read_info(content, MOST)
    assert (info.height, info.width) == upright.shape[:2]
    corners = [upright[4, 4], upright[4, -4], upright[-4, -4], upright[-4, 4]]
    bright = [int(corner.mean()) > 128 for corner in corners].index(True)
    assert bright == [0, 1, 2, 3, 0, 1, 2, 3][orientation - 1]
    if format == "JPEG":
        assert np.abs(upright.astype(int) - opencv(content)).mean() < 2


def test_a_photo_with_appended_pictures_is_its_first(tmp_path: Any):
    first, second = Image.fromarray(PIXELS[:, :, :3]), Image.new("RGB", (9, 9))
    content = saved(first, "MPO", save_all=True, append_images=[second])
    assert read_info(content, MOST).format == "JPEG"
    assert decode(content, MOST).shape == (30, 50, 3)


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0garbage", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0II*\0\x08\0\0\0\xff\xff"]
)
def test_damaged_exif_data_turns_nothing(exif: bytes):
    content = saved(PIXELS[:, :, :3], "JPEG", exif=exif)
    assert decode(content, MOST).shape == (30, 50, 3)
    assert (read_info(content, MOST).width, read_info(content, MOST).height) == (50, 30)


def test_the_bound_is_on_pixels_and_is_exact():
    content = saved(PIXELS[:, :, :3])
    assert decode(content, 1500).shape == (30, 50, 3)
    for read in (decode, read_info):
        with pytest.raises(TooLarge, match="50 x 30 = 1,500 pixels"):
            read(content, 1499)


@pytest.mark.parametrize("content", [b"", b"x", saved(PIXELS)[:200], saved(PIXELS[:, :, :3], "TIFF")])
def test_what_is_no_whole_image_is_invalid_for_both(content: bytes):
    for read in (decode, read_info):
        with pytest.raises(InvalidInput):
            read(content, MOST)
