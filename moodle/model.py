"""A model as one file: a ZIP of its card, its ONNX files, what it has seen and, while it may learn more, its rows."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass

from pydantic import ValidationError

from moodle.card import Card
from moodle.packed import OLDEST, unpacked
from utils import Conflict, InvalidInput

CARD, KEPT, SEEN = "model.json", "rows.npz", "seen.npz"


@dataclass(frozen=True)
class StoredModel:
    """A model.

    Attributes:
        files: the content of every file that the card names, by SHA-256.
    """

    card: Card
    files: dict[str, bytes]

    def pack(self) -> bytes:
        """As one ZIP."""
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in self.named().items():
                archive.writestr(zipfile.ZipInfo(name, OLDEST), content, zipfile.ZIP_DEFLATED)
        return stream.getvalue()

    def named(self) -> dict[str, bytes]:
        """Its files by the names that they are stored under."""
        parts = {f"part-{place:03}.onnx": self.files[part.sha256] for place, part in enumerate(self.card.parts)}
        kept = {KEPT: self.files[self.card.kept]} if self.card.kept else {}
        seen = {SEEN: self.files[self.card.seen]} if self.card.seen else {}
        return {CARD: self.card.model_dump_json(indent=1).encode(), **parts, **kept, **seen}

    @classmethod
    def unpack(cls, content: bytes) -> StoredModel:
        """What a ZIP holds; names and order of its files do not count, what is in them does.

        Raises:
            InvalidInput: it is no model of DIYML, or not whole.
        """
        return cls.of(unpacked(content))

    @classmethod
    def kept(cls, content: bytes) -> StoredModel:
        """The same of a ZIP that we keep ourselves.

        Raises:
            Conflict: it is damaged, which is not the fault of who asks.
        """
        try:
            return cls.unpack(content)
        except InvalidInput as error:
            raise Conflict(
                f"the model that is kept is damaged: delete it and train anew, or import it again ({error.detail})"
            ) from error

    @classmethod
    def of(cls, contents: dict[str, bytes]) -> StoredModel:
        """The same of files by name."""
        name, card = _find_card(contents)
        files = {sha256_of(content): content for other, content in contents.items() if other != name}
        wanted = card.names()
        if missing := wanted - set(files):
            raise InvalidInput(f"the model is not whole: {len(missing)} of {len(wanted)} files are missing or changed")
        for other, content in contents.items():
            if other != name and sha256_of(content) not in wanted:
                raise InvalidInput(f"'{other[:100]}' is no part of a model that DIYML has exported: nothing was taken")
        return cls(card, {key: files[key] for key in wanted})


def sha256_of(content: bytes) -> str:
    """Its SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _find_card(contents: dict[str, bytes]) -> tuple[str, Card]:
    """The file that is a card; a JSON file that says it is one and has mistakes is told with them."""
    for name, content in contents.items():
        if not content.lstrip().startswith(b"{") or b'"diyml-moodle-' not in content:
            continue
        try:
            return name, Card.model_validate_json(content)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise InvalidInput(f"the card of the model has a mistake at '{place[:100]}': {first['msg']}") from None
    raise InvalidInput(
        "this is no model that DIYML has exported: wanted is a ZIP with a card and ONNX files. Models of other "
        "servers hold pickled objects, which are not read: train anew"
    )
