"""Input that needs no network: 1,797 digits written by hand, which scikit-learn brings along.

They come from the UCI data set "Optical Recognition of Handwritten Digits" (8 x 8 pixels, 17 shades).
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from demo.examples import Example, Material, keep_back

CLASSES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SHADES = 16
CLASSIFICATION_EPOCHS = 8
DETECTION_EPOCHS = 15
CANVAS_PX = 160
CANVASES, KEPT_CANVASES = 300, 60
SIZES_PX = (22, 46)
DIGITS_ON_A_SHEET = (3, 8)
_PLACING_TRIES = 20


@dataclass(frozen=True)
class Digit:
    """One digit; `ink` is float, 8 x 8, 0 (paper) to 1 (ink)."""

    ink: np.ndarray
    value: int

    def sized(self, size_px: int) -> np.ndarray:
        """The ink at another size: float, size x size, 0 to 1."""
        image = Image.fromarray((self.ink * 255).astype(np.uint8))
        return np.asarray(image.resize((size_px, size_px), Image.Resampling.BICUBIC)) / 255


def _split_digits() -> tuple[list[Digit], list[Digit]]:
    bunch = load_digits()
    return keep_back([Digit(ink / SHADES, int(value)) for ink, value in zip(bunch.images, bunch.target, strict=True)])


def classification() -> Material:
    """Each digit an image of its own."""
    uploads, kept = _split_digits()
    return Material(
        title="Which digit is it? Hand-written digits, one an image",
        project_type="classification",
        classes=CLASSES,
        uploads=tuple(_single(f"digit_{number}", digit) for number, digit in enumerate(uploads)),
        kept=tuple(_single(f"kept_{number}", digit) for number, digit in enumerate(kept)),
        epochs=CLASSIFICATION_EPOCHS,
    )


def _single(name: str, digit: Digit) -> Example:
    return Example(name, _png(1 - digit.sized(64)), (str(digit.value),))


def detection() -> Material:
    """Digits of any size at known places on sheets; those on the kept sheets are on no uploaded one."""
    uploads, kept = _split_digits()
    random = np.random.default_rng(0)
    return Material(
        title="Where are which digits? Hand-written digits on sheets of paper",
        project_type="detection",
        classes=CLASSES,
        uploads=tuple(_sheet(f"sheet_{number}", uploads, random) for number in range(CANVASES)),
        kept=tuple(_sheet(f"kept_{number}", kept, random) for number in range(KEPT_CANVASES)),
        epochs=DETECTION_EPOCHS,
        image_size=CANVAS_PX,
    )


def _sheet(name: str, digits: list[Digit], random: np.random.Generator) -> Example:
    paper = random.uniform(0.75, 0.95) + random.normal(0, 0.025, (CANVAS_PX, CANVAS_PX))
    taken: list[tuple[int, int, int]] = []
    labels = []
    for _ in range(random.integers(*DIGITS_ON_A_SHEET)):
        digit, size = digits[random.integers(len(digits))], int(random.integers(*SIZES_PX))
        place = _free_place(size, taken, random)
        if place is not None:
            left, top = place
            paper[top : top + size, left : left + size] *= 1 - 0.9 * digit.sized(size)
            taken.append((left, top, size))
            labels.append(_label(digit.value, left, top, size))
    return Example(name, _png(paper), tuple(labels))


def _free_place(size: int, taken: list[tuple[int, int, int]], random: np.random.Generator) -> tuple[int, int] | None:
    for _ in range(_PLACING_TRIES):
        x, y = (int(value) for value in random.integers(0, CANVAS_PX - size, 2))
        if all(x + size <= a or a + c <= x or y + size <= b or b + c <= y for a, b, c in taken):
            return x, y
    return None


def _label(value: int, left: int, top: int, size: int) -> str:
    numbers = ((left + size / 2) / CANVAS_PX, (top + size / 2) / CANVAS_PX, size / CANVAS_PX, size / CANVAS_PX)
    return " ".join([str(value), *(f"{number:.6f}" for number in numbers)])


def _png(light: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray((light.clip(0, 1) * 255).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()
