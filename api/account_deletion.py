"""Deleting an account with all that is kept of it, in the database and elsewhere."""

from __future__ import annotations

from api.platform import Services
from moodle.shelves.choosing import shelf_in_server
from storage.users import User


def delete_account(services: Services, user: User) -> None:
    """Delete an account; Moodle's models last, since a training of a moment ago may still have written one."""
    services.store.delete_user(user.id)
    shelf_in_server(services.settings, services.store.moodle_objects).delete_owner(str(user.id))
