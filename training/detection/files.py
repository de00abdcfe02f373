"""A dataset laid out on disk as ultralytics reads it, with no word of a client's in any path or file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import yaml
from PIL import Image, UnidentifiedImageError

from datasets.images import FORMATS, decode
from datasets.snapshot import Annotation, Dataset, Sample
from training.protocol import TrainingFailed

TRAIN, VAL = "train", "val"
_SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "BMP": ".bmp"}
_JPEG_END = b"\xff\xd9"
_ORIENTATION = 0x0112
_UPRIGHT = (None, 1)
# Ultralytics takes an image with a side below 10 px for a damaged one; OpenCV resizes none above 32,767 px.
_SHORTEST_PX, _LONGEST_PX = 10, 30_000


def write_dataset(dataset: Dataset, folder: Path) -> Path:
    """Write images and labels in the YOLO layout, named by numbers only.

    Returns:
        The dataset's YAML file.

    Raises:
        TrainingFailed: no box to train on.
    """
    if not any(sample.annotations for sample in dataset.train):
        raise TrainingFailed("none of the images to train on has a box: draw boxes on more images")
    # A batch of one image of one cell leaves batch normalisation without a spread, so a lone image is there twice.
    train = dataset.train if len(dataset.train) > 1 else dataset.train * 2
    _write_part(train, folder / TRAIN)
    if not dataset.val_is_train:
        _write_part(dataset.val, folder / VAL)
    path = folder / "dataset.yaml"
    path.write_text(yaml.safe_dump(_description(dataset, folder)))
    return path


def class_label(index: int) -> str:
    """What ultralytics gets to know of a class's name."""
    return f"class_{index}"


def _description(dataset: Dataset, folder: Path) -> dict[str, object]:
    return {
        "path": str(folder.absolute()),
        "train": f"{TRAIN}/images",
        "val": f"{TRAIN if dataset.val_is_train else VAL}/images",
        "names": [class_label(index) for index in range(len(dataset.classes))],
    }


def _write_part(samples: Iterable[Sample], folder: Path) -> None:
    images, labels = folder / "images", folder / "labels"
    images.mkdir(parents=True)
    labels.mkdir()
    for index, sample in enumerate(samples):
        _place_image(sample.path, images / f"{index:06d}")
        lines = (label_line(annotation) for annotation in sample.annotations)
        (labels / f"{index:06d}.txt").write_text("".join(line for line in lines if line))


def label_line(annotation: Annotation) -> str:
    """One line of YOLO text, its box cut off at the image's edges; empty when nothing of it is left."""
    if annotation.box is None:
        return ""
    x, y, width, height = annotation.box
    left, right = max(0.0, x - width / 2), min(1.0, x + width / 2)
    top, bottom = max(0.0, y - height / 2), min(1.0, y + height / 2)
    if right <= left or bottom <= top:
        return ""
    numbers = ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
    return " ".join([str(annotation.class_index), *(f"{number:.7f}" for number in numbers)]) + "\n"


def _place_image(source: Path, target: Path) -> None:
    """Link to the original where OpenCV reads it as we do, else write what we read of it as PNG.

    A link also keeps the original safe: what ultralytics "repairs" replaces the link.
    """
    suffix = _readable_suffix(source)
    if suffix:
        target.with_suffix(suffix).symlink_to(source.absolute())
    else:
        _plain(source).save(target.with_suffix(".png"), compress_level=1)


def _plain(source: Path) -> Image.Image:
    image = Image.fromarray(decode(source.read_bytes(), _no_limit()))
    width, height = (min(max(side, _SHORTEST_PX), _LONGEST_PX) for side in image.size)
    # Boxes are fractions of the sides, so they stay right when one side alone is stretched.
    return image if image.size == (width, height) else image.resize((width, height))


def _no_limit() -> int:
    """The size was checked when the image was stored."""
    return 2**31


def _readable_suffix(path: Path) -> str | None:
    """The suffix of a file that OpenCV reads the same as `datasets.images.decode`, or None."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            form, mode, sides, turn = image.format or "", image.mode, image.size, image.getexif().get(_ORIENTATION)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return None
    plain = mode in ("L", "RGB") and min(sides) >= _SHORTEST_PX and max(sides) <= _LONGEST_PX
    # Whether other formats are turned depends on OpenCV's version.
    turned_alike = turn in _UPRIGHT or form == "JPEG"
    readable = form in _SUFFIXES and plain and turned_alike and (form != "JPEG" or _is_whole(path))
    return _SUFFIXES[form] if readable else None


def _is_whole(path: Path) -> bool:
    """Ultralytics writes JPEG files anew that do not end with the end mark."""
    with path.open("rb") as file:
        file.seek(-len(_JPEG_END), 2)
        return file.read() == _JPEG_END
