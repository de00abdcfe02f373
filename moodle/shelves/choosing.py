"""Which shelf the settings mean."""

from __future__ import annotations

from pathlib import Path

from moodle.shelves.database import DatabaseShelf
from moodle.shelves.folder import FolderShelf
from moodle.shelves.protocol import Shelf
from settings import Settings
from storage.moodle_objects import MoodleObjects


def needs_database(settings: Settings) -> bool:
    """Whether a backend that runs alone keeps its models in the database."""
    return not settings.moodle_bucket and not settings.moodle_dir


def shelf_in_server(settings: Settings, objects: MoodleObjects) -> Shelf:
    """Of the main server: S3 when a bucket is named, else the database."""
    return _bucket(settings) if settings.moodle_bucket else DatabaseShelf(objects)


def shelf_alone(settings: Settings) -> Shelf:
    """Of a backend without database: S3 when a bucket is named, else the folder."""
    return _bucket(settings) if settings.moodle_bucket else FolderShelf(Path(settings.moodle_dir).absolute())


def _bucket(settings: Settings) -> Shelf:
    from moodle.shelves.s3 import S3Shelf

    return S3Shelf(settings.moodle_bucket)
