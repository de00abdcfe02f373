"""`/api/v1/me`: the caller's account, and where mail about it goes."""

from __future__ import annotations

from typing import Any

from api.account_deletion import delete_account
from api.operation import operation
from api.resource import PlatformResource
from api.v1.account_answers import MeShown
from api.v1.account_schemas import AccountDeletion, PasswordChange
from api.v1.notification_representation import account_shown
from api.v1.notification_schemas import Confirmation, MeChange
from notifications.teller import ask_for_confirmation
from utils import Conflict, InvalidInput

# Codes can be asked for any address, so no account may have many sent, and nobody be sent many.
_MOST_MAILS = 10
_MOST_MAILS_TO_ONE = 5
_MOST_CODES = 20


class Account(PlatformResource):
    """The base of all that belongs to the caller's account."""

    def shown(self) -> dict[str, Any]:
        """The account as its owner sees it, and the token that the call came with."""
        store, token = self.services.store, self.caller.token
        return {
            **account_shown(self.user, store.mailboxes.get(self.user.id)),
            "created_at": store.users.created_at(self.user.id).isoformat(),
            "scopes": sorted(token.scopes),
            "expires_at": token.expires_at.isoformat(),
        }


class Me(Account):
    """The account of who calls."""

    @operation(gives=MeShown)
    def get(self) -> dict[str, Any]:
        """Name, mail address, and what to write about."""
        return self.shown()

    @operation(takes=MeChange, gives=MeShown, errors=(409, 429))
    def patch(self, change: MeChange) -> dict[str, Any]:
        """Change the address, which a mail with a code then asks to confirm, or the events; null removes it."""
        store = self.services.store
        if change.email is not None:
            self._ask(change.email)
        elif "email" in change.model_fields_set:
            store.mailboxes.remove(self.user.id)
        if change.email_events is not None:
            store.mailboxes.set_events(self.user.id, tuple(event.value for event in change.email_events))
        return self.shown()

    @operation(takes=AccountDeletion, status=204, errors=(401, 429))
    def delete(self, given: AccountDeletion) -> None:
        """Delete the account with all it owns, its projects and their models; asks for the password as well."""
        self.services.store.accounts.check(self.user.username, given.password, self.client_address())
        delete_account(self.services, self.user)

    def _ask(self, address: str) -> None:
        store = self.services.store
        if not self.services.settings.sends_mail:
            raise Conflict("mail is not set up here: ask the operator to set DIYML_SMTP_HOST and DIYML_MAIL_FROM")
        if store.mailboxes.get(self.user.id).email == address:
            return
        store.hourly.charge(f"mail of {self.user.id}", _MOST_MAILS, "mails in an hour")
        store.hourly.charge(f"mail to {address.lower()}", _MOST_MAILS_TO_ONE, "mails to this address in an hour")
        ask_for_confirmation(store, self.user, address)


class Password(Account):
    """The password of who calls."""

    @operation(takes=PasswordChange, status=204, errors=(401, 429))
    def post(self, change: PasswordChange) -> None:
        """Change it; every other token of the account is revoked, unless they are to be kept."""
        kept = None if change.keep_tokens else self.caller.token
        self.services.store.accounts.change_password(
            self.user, change.old_password, change.new_password, self.client_address(), kept
        )


class EmailConfirmation(Account):
    """The proof that an address is the caller's."""

    @operation(takes=Confirmation, gives=MeShown, errors=(429,))
    def post(self, given: Confirmation) -> dict[str, Any]:
        """Confirm with the code that the mail brought."""
        code, store = given.code, self.services.store
        store.hourly.charge(f"mail code of {self.user.id}", _MOST_CODES, "codes in an hour")
        if not store.mailboxes.confirm(self.user.id, code):
            message = "code: not the one of the last mail, or older than an hour: PATCH /api/v1/me sends another"
            raise InvalidInput(message, [{"field": "code", "message": message}])
        return self.shown()
