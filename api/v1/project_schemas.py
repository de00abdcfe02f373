"""One schema a request about projects, their members and their classes."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from api.classic.schemas import project_type
from api.names import ClassName, Lookup, Name, Number, Text, encodable, printable
from api.operation import Request
from api.v1.notification_schemas import NoNull
from api.v1.schemas import PageQuery
from datasets.grouping import MOST_PATTERN_CHARACTERS, check_pattern
from storage.class_list import MOST_CLASSES
from storage.roles import Role

MOST_DESCRIPTION_CHARACTERS = 5000


def _readable(text: str) -> str:
    """Text of several lines, each without invisible characters."""
    for line in text.replace("\r\n", "\n").split("\n"):
        printable(line.replace("\t", " "))
    return text.replace("\r\n", "\n").strip()


def _pattern(text: str) -> str:
    if text:
        check_pattern(text)
    return printable(text)


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    twice = [name for position, name in enumerate(names) if name in names[:position]]
    if twice:
        raise ValueError(f"the class '{twice[0]}' is named twice")
    return names


def _empty(value: Any) -> Any:
    return "" if value is None else value


Description = Annotated[
    str,
    StringConstraints(max_length=MOST_DESCRIPTION_CHARACTERS),
    AfterValidator(encodable),
    AfterValidator(_readable),
]
Pattern = Annotated[
    str, StringConstraints(max_length=MOST_PATTERN_CHARACTERS), AfterValidator(encodable), AfterValidator(_pattern)
]
NoText = BeforeValidator(_empty)
Sort = Literal["created_at", "-created_at", "name", "-name", "updated_at", "-updated_at"]


class MemberRole(str, Enum):
    """What a member may be."""

    VIEWER = Role.VIEWER.value
    EDITOR = Role.EDITOR.value


class ProjectsQuery(PageQuery):
    """Which of the projects that one owns or is a member of; `q` stands in the name or the description."""

    type: Annotated[Text, AfterValidator(project_type)] | None = None
    role: Literal["owner", "editor", "viewer"] | None = None
    published: bool | None = None
    trained: bool | None = None
    q: Annotated[Lookup, AfterValidator(printable)] | None = None
    sort: Sort = "-created_at"


class NewProject(Request):
    """A project to be made."""

    name: Name
    type: Annotated[Text, AfterValidator(project_type)]
    description: Description = ""
    classes: Annotated[tuple[ClassName, ...], Field(max_length=MOST_CLASSES), AfterValidator(_each_once)] = ()


class ProjectChange(Request):
    """What of a project is to be otherwise; the rest stays. Null empties a text."""

    name: Annotated[Name | None, NoNull] = None
    description: Annotated[Description, NoText] = ""
    group_pattern: Annotated[Pattern, NoText] = ""


class NewRole(Request):
    """What somebody is to be to a project."""

    role: MemberRole


class Transfer(Request):
    """Who is to own a project."""

    username: Lookup


class NewClass(Request):
    """A class for the list; without `index` it comes last."""

    name: ClassName
    index: Annotated[int | None, Field(ge=0, le=MOST_CLASSES), Number] = None


class ClassRename(Request):
    """Another name for a class."""

    name: ClassName


class ClassOrder(Request):
    """All classes of the list, in the order wanted."""

    class_ids: Annotated[tuple[Annotated[int, Number], ...], Field(max_length=MOST_CLASSES)]


class ClassMerge(Request):
    """The class that another becomes."""

    into: Annotated[int, Field(ge=0), Number]


class ClassRemoval(Request):
    """What becomes of the annotations of a class: `keep` them until it comes back, or `delete` them with it."""

    annotations: Literal["keep", "delete"] = "keep"
