"""Images as arrays for a network: decoded once, cut into batches, changed at random; needs torch."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from datasets.images import decode
from datasets.snapshot import Sample
from inference.classification import letterbox
from training.protocol import TrainingFailed
from utils import DomainError

_IN_MEMORY_BYTES = 2 * 1024**3
_DECODED_AT_A_TIME = 128


@dataclass(frozen=True)
class Labelled:
    """Images ready for a network.

    Attributes:
        pixels: uint8, images x size x size x 3, RGB, letterboxed.
        labels: int64, one class index an image.
    """

    pixels: np.ndarray
    labels: np.ndarray


def read(sample: Sample) -> np.ndarray:
    """Decode one image: uint8, height x width x 3, RGB.

    Raises:
        TrainingFailed: it is damaged.
    """
    try:
        return decode(sample.path.read_bytes(), sample.width * sample.height)
    except (DomainError, OSError) as error:
        raise TrainingFailed(f"image '{sample.path.name}' cannot be read: {error}: upload it again") from None


def load(samples: tuple[Sample, ...], size_px: int, scratch_file: Path, alive: Callable[[], None]) -> Labelled:
    """Decode every image once, at the size of the input; what does not fit into memory lies in a scratch file.

    Args:
        alive: called now and then; may raise to stop.

    Raises:
        TrainingFailed: an image is damaged.
    """
    shape = (len(samples), size_px, size_px, 3)
    if math.prod(shape) > _IN_MEMORY_BYTES:
        pixels: np.ndarray = np.lib.format.open_memmap(scratch_file, "w+", np.uint8, shape)
    else:
        pixels = np.empty(shape, np.uint8)

    def put(index: int) -> None:
        pixels[index] = letterbox(read(samples[index]), size_px)

    # Pillow lets other threads run while it decodes; few of them, since each may hold an image of 50 Mpixel.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(samples), _DECODED_AT_A_TIME):
            list(pool.map(put, range(start, min(start + _DECODED_AT_A_TIME, len(samples)))))
            alive()
    return Labelled(pixels, np.array([sample.annotations[0].class_index for sample in samples], np.int64))


def batches(data: Labelled, repeats: int, count: int, random: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Every image `repeats` times, shuffled, in `count` batches of nearly equal size.

    Equal sizes leave no last batch of one image, of which batch normalisation knows no spread.
    """
    order = torch.randperm(len(data.labels) * repeats, generator=random) % len(data.labels)
    for chosen in np.array_split(order.numpy(), count):
        yield torch.from_numpy(data.pixels[chosen]), torch.from_numpy(data.labels[chosen])


def recolour(images: Tensor, strength: float, random: torch.Generator) -> Tensor:
    """Change brightness, contrast and saturation of each image at random; the hue stays, since it may be the class.

    Args:
        images: float32, batch x 3 x height x width, 0 to 1.
        strength: 0 changes nothing; 1 is up to 30 % saturation and contrast and 20 % brightness.
    """
    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * (1 + _spread(images, 0.3 * strength, random).view(-1, 1, 1, 1))
    middle = images.mean((1, 2, 3), keepdim=True)
    contrast = 1 + _spread(images, 0.3 * strength, random).view(-1, 1, 1, 1)
    brightness = _spread(images, 0.2 * strength, random).view(-1, 1, 1, 1)
    return ((images - middle) * contrast + middle + brightness).clamp(0, 1)


def move(images: Tensor, strength: float, mirror: bool, random: torch.Generator) -> Tensor:
    """Turn, zoom and shift each image at random; what comes in from outside is zero.

    Args:
        images: float32, batch x 3 x height x width.
        strength: 0 changes nothing; 1 is up to 15 degrees, 15 % zoom and a shift by 10 % of the side.
        mirror: half of the images are mirrored left to right as well.
    """
    turn = _spread(images, math.radians(15) * strength, random)
    zoom = 1 + _spread(images, 0.15 * strength, random)
    # The grid runs from -1 to 1, so 0.2 is a tenth of the side.
    across, down = _spread(images, 0.2 * strength, random), _spread(images, 0.2 * strength, random)
    side = torch.ones_like(turn)
    if mirror:
        side = torch.randint(2, (len(images),), generator=random).to(images) * 2 - 1
    first = torch.stack([side * turn.cos() / zoom, -turn.sin() / zoom, across], 1)
    second = torch.stack([side * turn.sin() / zoom, turn.cos() / zoom, down], 1)
    grid = functional.affine_grid(torch.stack([first, second], 1), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)


def _spread(images: Tensor, most: float, random: torch.Generator) -> Tensor:
    """One number an image, evenly between -most and most; drawn on the CPU, so that devices agree."""
    return ((torch.rand(len(images), generator=random) * 2 - 1) * most).to(images.device)
