"""Images that are none, that lie or that are too large; and the odd ones that are fine."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from storage.store import Store
from tests.api.problems import assert_problem
from tests.conftest import Caller, picture

SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>1</script></svg>'
FRAMES = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]


@pytest.fixture
def place(caller: Caller, store: Store) -> Any:
    """Places an image in a project of Ada's."""
    caller.project("pets", classes="cat")
    return lambda content: caller.place("pets", "a", "cat", content)


def saved(image: Image.Image, format: str, **options: Any) -> bytes:
    """An image as a file."""
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def png(width: int, height: int, rows: bytes, bits: int = 1, colour: int = 0) -> bytes:
    """A PNG file written by hand."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def noise(mode: str = "RGB") -> Image.Image:
    """A picture that does not compress."""
    pixels = np.random.default_rng(5).integers(0, 256, (40, 60, 4), dtype=np.uint8)
    return Image.fromarray(pixels, "RGBA").convert(mode)


@pytest.mark.parametrize(
    "content",
    [
        b"x", b"\0" * 1000, b"GIF89a", b"<html></html>", SVG, b"8BPS\0\1" + b"\0" * 100, b"%PDF-1.4", b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", b"BM", b"BM" + b"\xff" * 60, b"\x89PNG\r\n\x1a\n" + b"\xff" * 99,
        saved(FRAMES[0], "TIFF"), saved(FRAMES[0], "GIF"), saved(FRAMES[0], "ICO"), saved(FRAMES[0], "PPM"),
        saved(FRAMES[0], "JPEG2000"), saved(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:]),
        saved(FRAMES[0], "PDF"), saved(FRAMES[0], "EPS"), saved(FRAMES[0], "TGA"), saved(FRAMES[0], "PCX"),
    ],
)  # fmt: skip
def test_what_is_no_image_of_an_allowed_format_is_400(place: Any, store: Store, content: bytes):
    body = assert_problem(place(content), 400)
    assert body["errors"][0]["field"] == "image_data"
    assert store.database["images.files"].count_documents({}) == 0


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_an_animation_is_400(place: Any, format: str):
    moving = saved(FRAMES[0], format, save_all=True, append_images=FRAMES[1:], duration=100)
    assert_problem(place(moving), 400, "animated")


@pytest.mark.parametrize("part", [0.1, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP"])
def test_a_truncated_image_is_400(place: Any, format: str, part: float):
    content = saved(noise(), format)
    assert_problem(place(content[: int(len(content) * part)]), 400)


def test_a_small_file_of_a_huge_picture_is_413_by_its_header(place: Any, store: Store):
    side = 13_000
    bomb = png(side, side, (b"\0" + b"\0" * (side // 8)) * side)
    assert len(bomb) < 170_000
    assert_problem(place(bomb), 413, "13000 x 13000")
    assert store.database["images"].count_documents({}) == 0


@pytest.mark.parametrize("sides", [(100_000, 100_000), (2**31 - 1, 2**31 - 1), (2**31 - 1, 1), (50_001, 1000)])
def test_a_header_of_any_size_is_refused_before_anything_is_decoded(place: Any, sides: tuple[int, int]):
    response = place(png(*sides, b"\0"))
    assert response.status_code in (400, 413)
    assert_problem(response, response.status_code)


def test_a_header_that_promises_more_than_there_is_is_400(place: Any):
    assert_problem(place(png(500, 500, b"\0" * 100)), 400, "damaged")
    assert_problem(place(png(0, 5, b"")), 400)
    content = bytearray(saved(noise(), "BMP"))
    content[18:26] = struct.pack("<ii", 5000, 5000)
    assert_problem(place(bytes(content)), 400)


def test_a_jpeg_header_that_lies_about_the_height_gives_no_server_error(place: Any):
    content = bytearray(saved(noise(), "JPEG"))
    start = content.index(b"\xff\xc0") + 5
    content[start : start + 2] = struct.pack(">H", 4000)
    assert place(bytes(content)).status_code in (200, 400)


def test_a_text_chunk_that_unpacks_to_gigabytes_is_400(place: Any):
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    content = saved(noise(), "PNG")
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 50_000_000, 9))
    assert_problem(place(content[:33] + bomb + content[33:]), 400)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP"])
def test_damaged_bytes_anywhere_give_no_server_error(place: Any, format: str):
    content = saved(noise(), format)
    random = np.random.default_rng(11)
    statuses = set()
    for _ in range(25):
        damaged = bytearray(content)
        for position in random.integers(0, min(len(content), 300), 4):
            damaged[position] = random.integers(0, 256)
        statuses.add(place(bytes(damaged)).status_code)
    assert statuses <= {200, 400, 413}


@pytest.mark.parametrize(
    "content",
    [
        saved(noise("CMYK"), "JPEG"),
        saved(noise("L"), "JPEG"),
        saved(noise(), "JPEG", progressive=True),
        saved(noise("RGBA"), "PNG"),
        saved(noise("LA"), "PNG"),
        saved(noise("P"), "PNG", transparency=3),
        saved(noise("1"), "PNG"),
        saved(noise("RGBA"), "WEBP"),
        saved(noise("P"), "BMP"),
        saved(noise("1"), "BMP"),
        saved(Image.fromarray(np.arange(2400, dtype=np.uint16).reshape(40, 60) * 27), "PNG"),
        png(60, 40, (b"\0" + b"\x12\x34" * 180) * 40, bits=16, colour=2),
        saved(noise(), "JPEG") + b"trailing bytes" * 100,
        saved(noise(), "MPO", save_all=True, append_images=[noise()]),
        saved(noise(), "JPEG", exif=b"Exif\0\0garbage"),
        saved(noise(), "PNG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"),
        picture(1, 1),
    ],
)
def test_odd_but_whole_images_are_kept_as_they_are(place: Any, caller: Caller, content: bytes):
    response = place(content)
    assert response.status_code == 200, response.text
    read = caller.call("POST", "/upload/data_point", project_name="pets", data_point_name="a").json
    assert read["size"] == len(content)
    assert read["format"] in ("JPEG", "PNG", "WEBP", "BMP")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_width_and_height_are_those_of_the_turned_image(place: Any, caller: Caller, format: str, orientation: int):
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert place(saved(noise(), format, exif=exif)).status_code == 200
    read = caller.call("POST", "/upload/data_point", project_name="pets", data_point_name="a").json
    assert (read["width"], read["height"]) == ((60, 40) if orientation < 5 else (40, 60))


@pytest.mark.parametrize(
    "text", ["", "   ", "data:image/png;base64,", "%%%%", "ab=cd", "ünïcode", "A", "====", "\0\0\0\0"]
)
def test_base64_that_is_none_is_400(caller: Caller, text: str):
    caller.project("pets", classes="cat")
    response = caller.call(
        "PUT", "/upload/data_point", project_name="pets", data_point_name="a", image_data=text, label_data="cat"
    )
    body = assert_problem(response, 400)
    assert body["errors"][0]["field"] == "image_data"


def test_the_image_that_was_there_stays_when_its_replacement_is_refused(place: Any, caller: Caller):
    place(picture(33, 22))
    assert_problem(place(b"no image"), 400)
    assert_problem(caller.place("pets", "a", "no class", picture(50, 50)), 400)
    read = caller.call("POST", "/upload/data_point", project_name="pets", data_point_name="a").json
    assert (read["width"], read["labels"]) == (33, ["cat"])
