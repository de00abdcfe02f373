"""Everything that the platform keeps about an account, as a zip archive that is written while it is sent.

Of what is shown once, tokens and webhooks' secrets, there is nothing in it: only hashes are stored, or what others may
not read either.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import date, datetime
from enum import Enum
from typing import Any

from bson import ObjectId

from datasets.tables.appending import RowBatch
from datasets.zip_sink import ZipSink
from storage.database import batches
from storage.files import Files
from storage.images import StoredImage
from storage.project import Project
from storage.project_filter import ProjectFilter
from storage.roles import Role
from storage.store import Store
from storage.usage import KEPT_DAYS
from storage.users import User
from utils import NotFound

_MOST_LISTED = 10_000
_JOB_FIELDS = (
    "id", "state", "params", "device", "epochs", "epoch", "metrics", "error", "pretrained", "created_at", "started_at",
    "finished_at", "model_id", "repeats", "quantizes", "log", "history",
)  # fmt: skip


class AccountArchive:
    """What is an account's, file by file; memory does not grow with it.

    Args:
        more: paths and contents of what others keep of the account.
    """

    def __init__(self, store: Store, user: User, more: Iterable[tuple[str, bytes]] = ()):
        self._store = store
        self._user = user
        self._more = more
        self._sink = ZipSink()
        self._missing: list[str] = []

    def stream(self) -> Iterator[bytes]:
        """The archive in pieces; it may be gone through once."""
        with zipfile.ZipFile(self._sink, "w", zipfile.ZIP_STORED) as self._zip:  # images are compressed already
            self._put("account.json", self._account())
            self._put("tokens.json", [_without(vars(token), "user_id") for token in self._tokens()])
            self._put("memberships.json", [self._membership(project) for project in self._memberships()])
            for project in self._store.projects.list_owned(self._user):
                yield from self._project(project, f"projects/{project.name}")
            for path, content in self._more:
                self._zip.writestr(path, content)
                yield from self._sink.take()
            if self._missing:
                self._put("missing.json", self._missing)
            yield from self._sink.take()
        yield from self._sink.take()

    def _project(self, project: Project, folder: str) -> Iterator[bytes]:
        self._put(f"{folder}/project.json", self._described(project))
        for job_id in self._store.jobs.ids_of(project.id):
            try:
                job = self._store.jobs.get(job_id)
            except NotFound:
                continue  # deleted meanwhile
            self._put(f"{folder}/jobs/{job_id}.json", {name: getattr(job, name) for name in _JOB_FIELDS})
            yield from self._sink.take()
        for model in self._store.models.list_all(project.id):
            calls = self._store.usage.by_day(model.id, KEPT_DAYS)
            usage = [{"day": day, "calls": counted.count, "errors": counted.errors} for day, counted in calls.items()]
            about = {"id": model.id, "version": model.version, "created_at": model.created_at, "card": model.card}
            self._put(f"{folder}/models/{model.version}.json", {**about, "usage": usage})
        yield from self._table(project, folder)
        for batch in batches(self._store.images.ids(project.id)):
            for image_id in batch:
                yield from self._image(project, image_id, folder)

    def _table(self, project: Project, folder: str) -> Iterator[bytes]:
        table = self._store.tables.current(project.id)
        yield from self._waiting(project, folder, table.folded if table else 0)
        if table is None:
            return
        about = ("filename", "format", "rows", "columns", "settings", "created_at", "updated_at")
        self._put(f"{folder}/table.json", {name: getattr(table, name) for name in about})
        yield from self._stored(table.file.id, f"{folder}/table.{table.format}")

    def _waiting(self, project: Project, folder: str, after: int) -> Iterator[bytes]:
        """Rows that are not part of the table yet."""
        appended = self._store.appended
        for batch in appended.read(project.id, after, appended.last(project.id)):
            self._put(f"{folder}/rows/{batch.number}.json", vars(RowBatch.of(batch.content)))
            yield from self._sink.take()

    def _image(self, project: Project, image_id: ObjectId, folder: str) -> Iterator[bytes]:
        image = self._store.images.of_id(project.id, image_id)
        if image is None:
            return  # deleted meanwhile
        self._put(f"{folder}/annotations/{image.name}.json", _annotated(project, image))
        yield from self._stored(image.file_id, f"{folder}/images/{image.name}", self._store.image_files)

    def _stored(self, file_id: ObjectId, path: str, files: Files | None = None) -> Iterator[bytes]:
        """A file of a bucket, the artifacts unless said otherwise; one that is gone is told as missing."""
        try:
            chunks = (files or self._store.artifacts).stream(file_id)
            with self._zip.open(path, "w", force_zip64=True) as target:
                for chunk in chunks:
                    target.write(chunk)
                    yield from self._sink.take()
        except NotFound:
            self._missing.append(path)

    def _account(self) -> dict[str, Any]:
        mailbox = self._store.mailboxes.get(self._user.id)
        about = {"username": self._user.username, "created_at": self._store.users.created_at(self._user.id)}
        return {**about, "email": mailbox.email, "email_pending": mailbox.pending, "email_events": mailbox.events}

    def _tokens(self) -> list[Any]:
        return self._store.tokens.list_of(self._user.id, _MOST_LISTED)

    def _memberships(self) -> list[Project]:
        roles = (Role.EDITOR, Role.VIEWER)
        return [
            project
            for role in roles
            for project in self._store.projects.list_of(self._user, _MOST_LISTED, ProjectFilter(role=role))
        ]

    def _membership(self, project: Project) -> dict[str, Any]:
        return {"project": project.name, "type": project.type, "role": project.role_of(self._user.id)}

    def _described(self, project: Project) -> dict[str, Any]:
        names = self._store.users.names(list(project.members))
        webhooks = [
            {"url": webhook.url, "events": webhook.events, "active": webhook.active}
            for webhook in self._store.webhooks.list_of(project.id)
        ]
        fields = ("id", "name", "type", "description", "group_pattern", "is_published", "model_version")
        return {
            **{name: getattr(project, name) for name in fields},
            "created_at": project.made_at,
            "updated_at": project.updated_at,
            "classes": dict(zip(project.class_ids, project.classes, strict=True)),
            "retired_classes": project.retired,
            "members": {names[user_id]: role for user_id, role in project.members.items() if user_id in names},
            "webhooks": webhooks,
        }

    def _put(self, path: str, content: object) -> None:
        self._zip.writestr(path, json.dumps(content, default=_plain, ensure_ascii=False, indent=1))


def _annotated(project: Project, image: StoredImage) -> dict[str, Any]:
    names = dict(zip(project.class_ids, project.classes, strict=True)) | project.retired
    labels = [
        {"class_id": item.class_id, "class": names.get(item.class_id), "box": item.box}
        for item in project.annotations_now(image.annotations)
    ]
    return {**_without(asdict(image), "project_id", "file_id", "thumbnail"), "annotations": labels}


def _without(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


def _plain(value: object) -> Any:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return value.value if isinstance(value, Enum) else str(value)
