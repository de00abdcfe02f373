"""Sending a delivery by mail."""

from __future__ import annotations

import logging
import smtplib
import socket
import ssl
import time
from contextlib import closing, suppress
from email.message import EmailMessage
from email.utils import formatdate, parseaddr

from notifications.deadlines import ended_at
from notifications.events import ALERTS, CONFIRMATION
from notifications.letters import MOST_KEYS, Letter, alert_letter, alerts_letter, confirmation, job_letter
from notifications.outcomes import Outcome, Result
from settings import Settings
from storage.deliveries import Delivery
from storage.lanes import Lane
from storage.store import Store

logger = logging.getLogger(__name__)

_STEP_SECONDS = 15.0
# All steps together, so that a server that says a letter now and then does not outlast the lease.
_WHOLE_SECONDS = 120.0
_PERMANENT = 500


class MailSender:
    """Writes and sends mails.

    Args:
        context: for TLS; the system's certificates by default.
    """

    def __init__(self, store: Store, settings: Settings, context: ssl.SSLContext | None = None):
        self._store = store
        self._settings = settings
        self._context = context or ssl.create_default_context()

    def send(self, lane: Lane, delivery: Delivery) -> Outcome:
        """One try. A code is made anew for each, so that none lies anywhere."""
        written = self._written(lane, delivery)
        if written is None:
            return Outcome(Result.NEVER, "the address was removed or replaced")
        address, letter = written
        try:
            self._hand_over(self._message(delivery, address, letter))
        except smtplib.SMTPRecipientsRefused as error:
            code = next(iter(error.recipients.values()))[0]
            words = f"the mail server refused the address with {code}"
            return Outcome(Result.NEVER if code >= _PERMANENT else Result.REFUSED, words)
        except smtplib.SMTPResponseException as error:
            if isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= _PERMANENT:
                return self._failed(f"the mail server refused the mail with {error.smtp_code}", error, Result.REFUSED)
            return self._failed(f"the mail server answered {error.smtp_code}", error)
        except _TooSlow as error:
            return self._failed(f"the mail server did not take it within {_WHOLE_SECONDS:g} s", error)
        except (smtplib.SMTPException, OSError) as error:
            return self._failed("the mail server could not be reached or did not keep to the protocol", error)
        return Outcome(Result.DELIVERED, "the mail server took it")

    def _failed(self, words: str, error: Exception, result: Result = Result.ABSENT) -> Outcome:
        """What the server said may help the operator, and is nothing for users."""
        logger.warning("%s: %s", words, error)
        return Outcome(result, words)

    def _written(self, lane: Lane, delivery: Delivery) -> tuple[str, Letter] | None:
        mailbox = self._store.mailboxes.get(lane.id)
        if delivery.type != CONFIRMATION:
            return (mailbox.email, self._told(delivery)) if mailbox.email else None
        user, address = self._store.users.get(lane.id), mailbox.pending
        code = self._store.mailboxes.new_code(lane.id, address) if user and address else None
        return (address, confirmation(code, user.username)) if user and address and code else None

    def _told(self, delivery: Delivery) -> Letter:
        if delivery.type not in ALERTS:
            return job_letter(delivery)
        others, count = self._store.deliveries.sent_with(delivery, MOST_KEYS - 1) if delivery.group else ([], 0)
        return alerts_letter([delivery, *others], 1 + count) if others else alert_letter(delivery)

    def _message(self, delivery: Delivery, address: str, letter: Letter) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._settings.mail_from
        message["To"] = address
        message["Subject"] = letter.subject
        message["Date"] = formatdate()
        message["Message-ID"] = f"<{delivery.id}@{parseaddr(self._settings.mail_from)[1].partition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.text, cte="quoted-printable")  # which every server passes on
        picture = self._store.alert_incidents.picture(letter.picture_of) if letter.picture_of else None
        if picture:
            message.add_attachment(picture, "image", "png", disposition="inline", filename="incident.png")
        return message

    def _hand_over(self, message: EmailMessage) -> None:
        settings = self._settings
        deadline, address = time.monotonic() + _WHOLE_SECONDS, (settings.smtp_host, settings.smtp_port)
        sock = socket.create_connection(address, _STEP_SECONDS)
        with ended_at(deadline, sock) as is_over, closing(sock):
            try:
                self._converse(sock, message)
            except (smtplib.SMTPException, OSError) as error:
                raise _TooSlow(str(error)) if is_over() else error from None

    def _converse(self, sock: socket.socket, message: EmailMessage) -> None:
        settings = self._settings
        if settings.smtp_tls == "tls":
            sock = self._context.wrap_socket(sock, server_hostname=settings.smtp_host)
        server = _Connected(sock, settings.smtp_host)
        try:
            if settings.smtp_tls == "starttls":
                server.starttls(context=self._context)
            if settings.smtp_user:
                server.login(settings.smtp_user, settings.smtp_password)
            server.send_message(message)
        finally:
            # However a server takes leave, it has taken the mail or has not: `with` would make an error of its goodbye.
            with suppress(smtplib.SMTPException, OSError):
                server.quit()
            server.close()


class _TooSlow(Exception):
    """The connection was cut at its deadline."""


class _Connected(smtplib.SMTP):
    """A conversation by a connection that there is already."""

    def __init__(self, sock: socket.socket, host: str):
        self._there = sock
        super().__init__(host, timeout=_STEP_SECONDS)

    def _get_socket(self, *_: object) -> socket.socket:
        return self._there
