"""`/api/v1/me/export`: everything that is kept about the caller, to take away."""

from __future__ import annotations

from flask import Response, request

from api.operation import Content, operation
from api.resource import PlatformResource
from api.streams import ending
from datasets.account_archive import AccountArchive
from moodle.account import account_files
from moodle.shelves.choosing import shelf_in_server

_HEADERS = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
    "Content-Disposition": 'attachment; filename="account.zip"',
}


class AccountExport(PlatformResource):
    """The account as an archive."""

    @operation(gives=Content("application/zip"), errors=(429, 503), headers={"Content-Disposition": "a file name"})
    def get(self) -> Response:
        """Download the account with its projects, their data, jobs, models' cards, and Moodle's models; no secrets."""
        release = self.services.streams.admit(self.user.id)
        pieces = () if request.method == "HEAD" else self._archive().stream()
        response = Response(ending(release, pieces), mimetype="application/zip", headers=_HEADERS)
        response.call_on_close(release)  # a stream that nobody began to read does not end
        return response

    def _archive(self) -> AccountArchive:
        shelf = shelf_in_server(self.services.settings, self.services.store.moodle_objects)
        return AccountArchive(self.services.store, self.user, account_files(shelf, str(self.user.id)))
