"""Checks of files: what a document says of its file is true."""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Callable, Iterator

from storage.checks.check import Finding, Look
from storage.files import Files, HeldFile
from storage.references import REFERENCES, Reference
from utils import NotFound

_BATCH = 500
# Files of a batch that a rule is broken by.
Broken = Callable[[Look, Files, list[HeldFile]], list[HeldFile]]


def every_file_that_is_referred_to_is_there_in_its_length(look: Look) -> Iterator[Finding]:
    """By what GridFS knows of it; no content is read."""
    yield from _find(look, _lost, "its file is lost or has another length")


def every_file_has_all_its_chunks(look: Look) -> Iterator[Finding]:
    """By the index of the chunks; no content is read."""
    yield from _find(look, _incomplete, "parts of its file are lost")


def every_file_has_the_content_that_is_recorded(look: Look) -> Iterator[Finding]:
    """By its SHA-256: reads every byte of every file that the checks before have nothing against."""
    yield from _find(look, _changed, "the content of its file has changed")


def _find(look: Look, broken: Broken, what: str) -> Iterator[Finding]:
    for kind in REFERENCES:
        files, held = kind.bucket(look.store), look.each(kind.held(look.store))
        while batch := list(itertools.islice(held, _BATCH)):
            for found in _still_held(look, kind, broken(look, files, batch)):
                mend = functools.partial(kind.forget, look.store, found) if kind.forget else None
                yield Finding(f"{found.owner} of {look.project(found.project_id)}: {what}", kind.remedy, mend)


def _still_held(look: Look, kind: Reference, suspects: list[HeldFile]) -> list[HeldFile]:
    """A document lets go of its file before the file is deleted; so what is still referred to now is truly broken."""
    still = kind.among(look.store, [held.file.id for held in suspects])
    return [held for held in suspects if held.file.id in still]


def _lost(_: Look, files: Files, batch: list[HeldFile]) -> list[HeldFile]:
    lengths = files.lengths([held.file.id for held in batch])
    return [held for held in batch if lengths.get(held.file.id) != held.file.size]


def _incomplete(_: Look, files: Files, batch: list[HeldFile]) -> list[HeldFile]:
    incomplete = files.incomplete([held.file.id for held in batch])
    return [held for held in batch if held.file.id in incomplete]


def _changed(look: Look, files: Files, batch: list[HeldFile]) -> list[HeldFile]:
    told = {held.file.id for rule in (_lost, _incomplete) for held in rule(look, files, batch)}
    whole = [held for held in batch if held.file.id not in told]
    return [held for held in whole if _digest(files, held) != held.file.sha256]


def _digest(files: Files, held: HeldFile) -> str | None:
    digest = hashlib.sha256()
    try:
        for part in files.stream(held.file.id):
            digest.update(part)
    except NotFound:  # deleted meanwhile, or a chunk is not as long as it should be
        return None
    return digest.hexdigest()
