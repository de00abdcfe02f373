"""The base of what documents are made of."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of a document; what a schema does not name is refused."""

    model_config = ConfigDict(extra="forbid")
