"""What the methods about images take."""

from __future__ import annotations

import json
from enum import Enum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, StringConstraints

from api.names import Lookup, Name, Number, Text, encodable, printable
from api.operation import Request
from api.v1.schemas import PageQuery
from datasets.labels import MOST_LINES
from datasets.placing import OnConflict
from storage.image_changes import MOST_TAGS

MOST_CHANGED = 100_000
_LARGEST = 2**53
_MOST_CLASSES = 1000

Tag = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    AfterValidator(encodable),
    AfterValidator(printable),
]


class SplitChoice(str, Enum):
    """Which part of the data an image belongs to; `auto` leaves it to each training."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"
    AUTO = "auto"

    @property
    def stored(self) -> str:
        """As the image holds it."""
        return "" if self is SplitChoice.AUTO else self.value


class Labelled(str, Enum):
    """What is known of what an image shows: something, nothing, that it is background, or a class that has gone."""

    TRUE = "true"
    FALSE = "false"
    BACKGROUND = "background"
    WAITING = "waiting"


def _tags(value: Any) -> Any:
    """In a form, tags are a JSON array, or joined by commas."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return _json(value)
    return [tag for tag in value.split(",") if tag.strip()]


def _distinct(tags: list[str]) -> list[str]:
    found = sorted(set(tags))
    if len(found) > MOST_TAGS:
        raise ValueError(f"at most {MOST_TAGS} tags an image, got {len(found)}")
    return found


def _json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not valid JSON: {str(error)[:200]}") from None


def _list(value: Any) -> Any:
    return value if isinstance(value, list) or value is None else [value]


def _word(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


Tags = Annotated[list[Tag], BeforeValidator(_tags), AfterValidator(_distinct)]
Pixels = Annotated[int | None, Field(ge=0, le=_LARGEST), Number]
Bytes = Pixels


class AnnotationGiven(BaseModel):
    """A label of an image, as it is read: of `class_id` and `class` one is enough, and the id counts."""

    model_config = ConfigDict(extra="forbid")

    class_: Annotated[
        Text | StrictInt | None, Field(alias="class", description="The name of a class, or its id as a number.")
    ] = None
    class_id: StrictInt | None = None
    box: Annotated[
        list[float] | None,
        Field(description="x_center, y_center, width, height, fractions of the EXIF-turned image.", max_length=100),
    ] = None


class AnnotationsChange(Request):
    """Labels in place of those that are there, as values or as label lines; null leaves the image unlabelled."""

    annotations: Annotated[list[AnnotationGiven] | None, Field(max_length=MOST_LINES)] = None
    lines: Annotated[Text | None, Field(max_length=2_000_000)] = None


class NewImages(Request):
    """What is said of the files of a form."""

    annotations: Annotated[
        dict[str, Any],
        BeforeValidator(_json),
        Field(description="For each name its labels: a list of annotations, or label lines."),
    ] = Field(default_factory=dict)
    split: SplitChoice | None = None
    tags: Tags | None = None
    on_conflict: OnConflict = OnConflict.REPLACE


class ImageName(BaseModel):
    """The name of a file."""

    name: Name


class ImageChange(Request):
    """What is to be other; what is left out stays, null takes a split or the tags away."""

    name: Name | None = None
    split: SplitChoice | None = None
    tags: Tags | None = None


class ImagesFilter(Request):
    """Which images; all that is asked for must hold."""

    class_: Annotated[
        Annotated[list[Lookup | StrictInt], Field(max_length=_MOST_CLASSES)] | None,
        BeforeValidator(_list),
        Field(alias="class", description="Name or id; of several, any will do."),
    ] = None
    split: SplitChoice | None = None
    labelled: Annotated[Labelled | None, BeforeValidator(_word)] = None
    name: Annotated[Lookup | None, Field(description="How the name begins.")] = None
    q: Annotated[Lookup | None, Field(description="What stands in the name.")] = None
    tag: Tag | None = None
    sha256: Annotated[str | None, Field(pattern="^[0-9a-f]{64}$")] = None
    min_size: Bytes = None
    max_size: Bytes = None
    min_width: Pixels = None
    max_width: Pixels = None
    min_height: Pixels = None
    max_height: Pixels = None


class ImagesQuery(ImagesFilter, PageQuery):
    """Which images, in which order."""

    sort: Literal["name", "-name", "created_at", "-created_at", "size", "-size"] = "name"


class ThumbnailQuery(Request):
    """The longest side, in pixels."""

    size: Annotated[int, Field(ge=64, le=512, multiple_of=64), Number] = 256


class Selection(BaseModel):
    """Some images: by their ids, or all that a filter matches."""

    model_config = ConfigDict(extra="forbid")

    ids: Annotated[list[Lookup] | None, Field(max_length=MOST_CHANGED)] = None
    filter: ImagesFilter | None = None


class Action(str, Enum):
    """What may be done with many images at once."""

    DELETE = "delete"
    SPLIT = "split"
    TAG = "tag"
    UNTAG = "untag"
    ANNOTATE = "annotate"


class BulkChange(Request):
    """A change of many images; `value` is the split, the tag, or the annotations."""

    select: Selection
    action: Action
    value: Any = None


class SplitValue(BaseModel):
    """The value of `split`."""

    value: SplitChoice


class TagValue(BaseModel):
    """The value of `tag` and `untag`."""

    value: Tag


class AnnotationsValue(BaseModel):
    """The value of `annotate`: annotations, or label lines."""

    value: Annotated[list[AnnotationGiven], Field(max_length=MOST_LINES)] | Text
