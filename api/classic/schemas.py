"""One schema a request of the classic contract. Fields that a schema does not name are ignored, as they always were."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from api.names import MOST_CLASS_CHARACTERS, ImageBytes, Lookup, Name, NewPassword, Number, Text, printable, string
from datasets.registry import KINDS, canonical_type
from storage.class_list import MOST_CLASSES
from storage.device import DeviceChoice

_MOST_CLASS_INFO_CHARACTERS = MOST_CLASSES * (MOST_CLASS_CHARACTERS + 2)


def project_type(text: str) -> str:
    """The stored form of a project type.

    Raises:
        ValueError: there is no such type.
    """
    name = canonical_type(text)
    if name is None:
        raise ValueError(f"must be one of {', '.join(KINDS)}")
    return name


def _class_list(value: Any) -> tuple[str, ...]:
    text = string(value)
    if len(text) > _MOST_CLASS_INFO_CHARACTERS:
        raise ValueError(f"{len(text):,} characters, allowed are {_MOST_CLASS_INFO_CHARACTERS:,}")
    names = tuple(printable(name.strip()) for name in text.split("|"))
    if len(names) > MOST_CLASSES:
        raise ValueError(f"at most {MOST_CLASSES} classes, got {len(names)}")
    for position, name in enumerate(names, 1):
        if not name:
            raise ValueError(f"class {position} has no name: send the names joined by |, such as apple|banana")
        if len(name) > MOST_CLASS_CHARACTERS:
            raise ValueError(f"class {position} has {len(name)} characters, allowed are {MOST_CLASS_CHARACTERS}")
        if name in names[: position - 1]:
            raise ValueError(f"the class '{name}' is named twice")
    return names


def _as_text(value: Any) -> Any:
    """A class index may come as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class UserQuery(BaseModel):
    """Somebody's name."""

    username: Lookup


class Credentials(BaseModel):
    """A name and a password to be compared with what is stored."""

    username: Lookup
    password: Annotated[Text, Field(min_length=1)]


class NewUser(BaseModel):
    """A name and a password to be stored."""

    username: Name
    password: NewPassword


class ProjectQuery(BaseModel):
    """A project by name."""

    project_name: Lookup


class NewProject(BaseModel):
    """A project to be made."""

    project_name: Name
    project_type: Annotated[Text, AfterValidator(project_type)]


class DataPointQuery(ProjectQuery):
    """A data point by name."""

    data_point_name: Lookup


class NewDataPoint(ProjectQuery):
    """An image with its labels."""

    data_point_name: Name
    image_data: ImageBytes
    label_data: Annotated[Text, BeforeValidator(_as_text), Field(max_length=2_000_000)]


class NewClasses(ProjectQuery):
    """A class list, names joined by `|`."""

    class_info: Annotated[tuple[str, ...], BeforeValidator(_class_list)]


class Training(ProjectQuery):
    """A training to be queued; what is not given, and the bounds of what has none here, are the trainer's."""

    train_split: Annotated[float, Field(ge=0.5, le=0.95), Number]
    epochs: Annotated[int, Field(ge=1, le=1000), Number]
    image_size: Annotated[int | None, Number] = None
    batch: Annotated[int | None, Number] = None
    seed: Annotated[int | None, Number] = None
    device: DeviceChoice = DeviceChoice.ANY


class Publication(ProjectQuery):
    """Whether a project is open to others."""

    is_published: bool


class Inference(ProjectQuery):
    """An image to be predicted."""

    image_data: ImageBytes


class InferenceQuery(BaseModel):
    """A result by its id."""

    inference_mapping: Lookup
