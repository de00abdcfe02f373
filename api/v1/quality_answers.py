"""What calls about the quality of data take, and what their answers hold."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from pydantic import Field

from api.names import Number
from api.operation import Page, Request, Shown
from api.v1.schemas import PageQuery
from datasets.duplicates import DISTANCE, MOST_DISTANCE

Fraction = Annotated[float, Field(ge=0, le=1)]


class DuplicatesQuery(Request):
    """How much pictures may differ: in so many of 64 bits of their hashes."""

    distance: Annotated[int, Field(ge=0, le=MOST_DISTANCE), Number] = DISTANCE


class ValidationSort(str, Enum):
    """Orders of what was found in validation images."""

    WORST = "worst"
    BEST = "best"
    NAME = "name"


class ValidationQuery(PageQuery):
    """Which page, in which order."""

    sort: ValidationSort = ValidationSort.WORST


class Duplicate(Shown):
    """One image of a cluster; `distance` in bits from the first."""

    id: str
    name: str
    split: Annotated[str | None, Field(description="`train`, `val` or `test` when it is fixed.")]
    distance: int


class DuplicatesOfOne(Shown):
    """Images that show the same picture; `exact` when they are equal byte for byte."""

    images: list[Duplicate]
    count: Annotated[int, Field(description="Images in the cluster, of which the first 100 are listed.")]
    exact: bool


class DuplicatesShown(Page[DuplicatesOfOne]):
    """Clusters of duplicates, the largest first."""

    distance: int
    clusters: Annotated[int, Field(description="How many there are, of which the first 1,000 are listed.")]
    unseen: Annotated[int, Field(description="Images of an earlier version that are still to be looked at: ask again.")]
    complete: Annotated[bool, Field(description="False when too many pictures were alike to compare all.")]


class FindingShown(Shown):
    """One thing that keeps a project from being trained, or that may make a training disappoint."""

    code: str
    message: str
    images: Annotated[list[str], Field(description="Names of images that it is about, 100 at most.")]
    count: int


class ReadinessShown(Shown):
    """Whether a training may start, and what to look at before."""

    ready: bool
    reasons: list[FindingShown]
    warnings: list[FindingShown]


class GivenLabel(Shown):
    """A label; `box` is x_center, y_center, width, height as fractions of the EXIF-turned image, null for the whole."""

    class_: Annotated[str, Field(alias="class")]
    box: list[float] | None


class PredictedLabel(GivenLabel):
    """A prediction."""

    confidence: Fraction


class ImageName(Shown):
    """An image of the project."""

    id: str
    name: str


class DoubtShown(Shown):
    """An image with a doubtful label, and what was predicted instead."""

    image: ImageName
    given: Annotated[GivenLabel | None, Field(description="Null where a label seems to be missing.")]
    predicted: Annotated[PredictedLabel | None, Field(description="Null where nothing was found.")]
    confidence: Fraction
    score: Annotated[Fraction, Field(description="How implausible the label is.")]
    reason: Annotated[str, Field(description="`other_class`, `overlooked_box`, `swapped_box` or `box_not_found`.")]
    doubts: Annotated[int, Field(description="Doubtful labels of this image, of which this is the worst.")]
    job_id: str


class ReviewShown(Page[DoubtShown]):
    """Images with doubtful labels, the worst first."""

    trainings: Annotated[int, Field(description="How many trainings have a say, the newest that there are.")]


class ValidatedImage(Shown):
    """What a model said of one image; `score` is how badly that went."""

    name: str
    sha256: str
    score: Fraction
    labels: list[GivenLabel]
    predictions: list[PredictedLabel]


class ValidationShown(Page[ValidatedImage]):
    """Images of the validation part."""

    held_back: Annotated[bool, Field(description="False when there were too few images to hold any back.")]
    judged: Annotated[int, Field(description="Images that were judged, of which the worst 20,000 are kept.")]
