"""What a model says of itself: the JSON that lies beside its ONNX files."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from moodle.header import MOST_FEATURES

FORMAT = "diyml-moodle-1"
SHA256 = r"^[0-9a-f]{64}$"
_MOST_PARTS = 1000


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Part(_Strict):
    """One classifier of a model.

    Attributes:
        sha256: of its ONNX file.
        kind: what it is, in a word.
        rows: that it learned from; its say in the model is `rows` over the classifiers of its generation.
        generation: those of one generation were fitted together; only the last one is fitted anew by a further file.
    """

    sha256: str = Field(pattern=SHA256)
    kind: str = Field(max_length=50)
    rows: int = Field(ge=1)
    generation: int = Field(ge=0)


class Training(_Strict):
    """One file that a model has learned from."""

    at: datetime
    rows: int = Field(ge=1)


class Card(_Strict):
    """The card.

    Attributes:
        columns: names of the features, in the order in which the ONNX files take them.
        classes: in the order in which they give probabilities.
        parts: every classifier of the model.
        kept: SHA-256 of the file of rows that the last generation learned from; None once it is closed.
        seen: SHA-256 of the file that says what came of rows of the last generation, see `learner.seen`; None when that
            foretells nothing.
    """

    format: Literal["diyml-moodle-1"]
    columns: tuple[str, ...] = Field(min_length=1, max_length=MOST_FEATURES)
    classes: tuple[str, ...] = Field(min_length=2, max_length=1000)
    parts: tuple[Part, ...] = Field(min_length=1, max_length=_MOST_PARTS)
    kept: str | None = Field(default=None, pattern=SHA256)
    seen: str | None = Field(default=None, pattern=SHA256)
    trainings: tuple[Training, ...] = Field(min_length=1)
    libraries: dict[str, str] = Field(default_factory=dict)

    @field_validator("classes")
    @classmethod
    def _classes_differ(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("a class is named twice")
        return value

    def names(self) -> set[str]:
        """SHA-256 of every file."""
        return {part.sha256 for part in self.parts} | {name for name in (self.kept, self.seen) if name}

    def weights(self) -> list[float]:
        """The say of each part, summing to 1: that of its generation by rows, shared within the generation."""
        fellows = [sum(other.generation == part.generation for other in self.parts) for part in self.parts]
        raw = [part.rows / count for part, count in zip(self.parts, fellows, strict=True)]
        return [value / sum(raw) for value in raw]
