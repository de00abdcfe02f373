"""What somebody wants of an import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from datasets.registry import KINDS
from utils import InvalidInput

AUTO = "auto"


class OnConflict(str, Enum):
    """What becomes of an image whose name the project has already."""

    SKIP = "skip"
    REPLACE = "replace"
    KEEP_BOTH = "keep_both"


class OnSameContent(str, Enum):
    """What becomes of an image whose file the project has already, under any name."""

    SKIP = "skip"
    KEEP = "keep"


class SplitChoice(str, Enum):
    """Into which part images go: as the archive says, into none, or all into one."""

    AS_GIVEN = "as given"
    IGNORE = "ignore"
    TRAIN = "train"
    VAL = "val"
    TEST = "test"

    def of(self, given: str) -> str:
        """The part of an image of which the archive says `given`."""
        if self is SplitChoice.AS_GIVEN:
            return given
        return "" if self is SplitChoice.IGNORE else self.value


@dataclass(frozen=True)
class ImportOptions:
    """Wishes for one import.

    Attributes:
        format: name of a dataset format, or `auto`.
        all_or_nothing: nothing is imported unless everything is good.
        create_classes: classes that the project lacks are added to it.
        class_map: their class to ours; None leaves labels of theirs out.
        dry_run: everything is looked at, and nothing written.
    """

    format: str = AUTO
    on_conflict: OnConflict = OnConflict.SKIP
    on_same_content: OnSameContent = OnSameContent.SKIP
    all_or_nothing: bool = False
    create_classes: bool = True
    class_map: Mapping[str, str | None] = field(default_factory=dict)
    split: SplitChoice = SplitChoice.AS_GIVEN
    dry_run: bool = False

    def to_row(self) -> dict[str, Any]:
        """As an import keeps them; names of classes are values there, since they may hold any character."""
        values = {**vars(self), "class_map": [list(pair) for pair in self.class_map.items()]}
        return {name: value.value if isinstance(value, Enum) else value for name, value in values.items()}

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> ImportOptions:
        """What `to_row` gave."""
        kinds = {"on_conflict": OnConflict, "on_same_content": OnSameContent, "split": SplitChoice, "class_map": dict}
        return cls(**{name: kinds[name](value) if name in kinds else value for name, value in row.items()})


def check_options(options: ImportOptions, project_type: str) -> None:
    """See that options make sense for what projects of this type hold.

    Raises:
        InvalidInput: with one entry in `errors` for each that does not.
    """
    kind = KINDS[project_type]
    formats = (AUTO, *kind.import_formats)
    errors = []
    if options.format not in formats:
        errors.append(("format", f"format: a project of type {project_type} takes {', '.join(formats)}"))
    if kind.import_options is not None:
        plain = vars(ImportOptions())
        names = [name for name, value in vars(options).items() if value != plain[name]]
        about_images = f"is about images, and this project holds {kind.noun}: leave it out"
        errors += [(name, f"{name}: {about_images}") for name in names if name not in kind.import_options]
    if errors:
        entries = [{"field": name, "message": message} for name, message in errors]
        raise InvalidInput("; ".join(message for _, message in errors), entries)
