"""Where the broker is; without Celery, for those who speak to it without."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from settings import Settings


def broker_url(settings: Settings) -> str:
    """The broker asked for, else a database beside DIYML's own in the same MongoDB."""
    if settings.broker_url:
        return settings.broker_url
    parts = urlsplit(settings.mongo_uri)
    query = parts.query
    if parts.username and "authsource=" not in query.lower():
        # Without this, credentials would be looked for in the database of the path, which is about to change.
        query = "&".join(filter(None, [query, f"authSource={parts.path.strip('/') or 'admin'}"]))
    return urlunsplit((parts.scheme, parts.netloc, f"/{settings.database}_queue", query, ""))
