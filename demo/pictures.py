"""Pictures of what was predicted, for looking at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from demo.examples import Example
from demo.scores import predicted_boxes, right_boxes, true_boxes

TILE_PX, CAPTION_PX, GAP_PX = 320, 26, 6
COLUMNS, MOST_TILES = 4, 12
PAPER, RIGHT, WRONG = "white", "#0a8f3c", "#d0021b"
Answer = tuple[Example, list[dict[str, Any]]]


def draw_boxes(answers: list[Answer], classes: tuple[str, ...], path: Path) -> None:
    """Some images with their predicted boxes: green where right, red where not."""
    _save([_boxed(answer, classes) for answer in answers[:MOST_TILES]], path)


def draw_classes(answers: list[Answer], classes: tuple[str, ...], path: Path) -> None:
    """Some images with what they were taken for, mistakes first."""
    shown = sorted(answers, key=lambda answer: is_right(answer, classes))[:MOST_TILES]
    _save([_captioned(answer, classes) for answer in shown], path)


def is_right(answer: Answer, classes: tuple[str, ...]) -> bool:
    """Whether the most probable class is the true one."""
    example, predictions = answer
    return bool(predictions) and predictions[0]["classification"] == classes[int(example.labels[0])]


def _boxed(answer: Answer, classes: tuple[str, ...]) -> Image.Image:
    example, predictions = answer
    image = example.picture()
    found = predicted_boxes(predictions)
    marks = right_boxes(found, true_boxes(example.labels, classes, image.size))
    tile, scale, left, top = _tile(image, TILE_PX)
    pen = ImageDraw.Draw(tile)
    for box, right, item in zip(found, marks, predictions, strict=True):
        x1, y1, x2, y2 = (round(edge * scale) for edge in box.edges)
        colour = RIGHT if right else WRONG
        pen.rectangle((left + x1, top + y1, left + x2, top + y2), outline=colour, width=2)
        # Below the box when wrong: there is often a right one in the same place.
        caption_y = y1 + 1 if right else y2 + 1
        pen.text((left + x1 + 3, top + caption_y), f"{box.class_name} {item['confidence']:.2f}", colour, _font(12))
    return tile


def _captioned(answer: Answer, classes: tuple[str, ...]) -> Image.Image:
    example, predictions = answer
    picture, *_ = _tile(example.picture(), TILE_PX // 2)
    tile = Image.new("RGB", (picture.width, picture.height + CAPTION_PX), PAPER)
    tile.paste(picture)
    guess = predictions[0]
    text = f"{guess['classification']} {guess['confidence']:.0%}"
    if not is_right(answer, classes):
        text += f" (is {classes[int(example.labels[0])]})"
    ImageDraw.Draw(tile).text((4, picture.height + 4), text, RIGHT if is_right(answer, classes) else WRONG, _font(13))
    return tile


def _tile(image: Image.Image, side_px: int) -> tuple[Image.Image, float, int, int]:
    """The image fitted into a square; its scale, and where its left upper corner is."""
    scale = side_px / max(image.size)
    fitted = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))
    left, top = (side_px - fitted.width) // 2, (side_px - fitted.height) // 2
    tile = Image.new("RGB", (side_px, side_px), PAPER)
    tile.paste(fitted, (left, top))
    return tile, scale, left, top


def _save(tiles: list[Image.Image], path: Path) -> None:
    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    width, height = tiles[0].width + GAP_PX, tiles[0].height + GAP_PX
    sheet = Image.new("RGB", (columns * width + GAP_PX, rows * height + GAP_PX), "#dddddd")
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (GAP_PX + number % columns * width, GAP_PX + number // columns * height))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def _font(size: int) -> Any:
    return ImageFont.load_default(size)
