"""The thread of a worker that tells and sends, beside everything else it does."""

from __future__ import annotations

import logging
import threading

from notifications.dispatcher import Bounds, Dispatcher
from notifications.mails import MailSender
from notifications.posting import Poster
from notifications.receivers import Receivers
from notifications.teller import Teller
from notifications.webhooks import WebhookSender
from settings import Settings
from storage.store import Store
from utils import Unavailable

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
_GOODBYE_SECONDS = 5.0
# Longer than a mail server may take over all steps of one mail.
_MAIL_LEASE_SECONDS = 300.0


class Notifier:
    """Looks for news until it is stopped. Any number of workers may do it at once."""

    def __init__(
        self,
        teller: Teller,
        dispatchers: list[Dispatcher],
        stop: threading.Event,
        look_seconds: float = LOOK_SECONDS,
    ):
        self._teller = teller
        self._dispatchers = dispatchers
        self._stop = stop
        self._look_seconds = look_seconds
        self.thread = threading.Thread(target=self._run, name="notifier", daemon=True)

    def _run(self) -> None:
        while not self._stop.wait(self._look_seconds):
            try:
                self._teller.tell_all()
                for dispatcher in self._dispatchers:
                    dispatcher.start_what_is_due()
            except Unavailable as error:
                logger.warning("%s", error)
            except Exception:  # one odd record must not end all telling
                logger.exception("telling failed, trying again")
        # What is on its way may arrive; what does not is sent again by another worker.
        for dispatcher in self._dispatchers:
            dispatcher.wait_until_idle(_GOODBYE_SECONDS)


def notifier(store: Store, settings: Settings, stop: threading.Event) -> Notifier:
    """One with a dispatcher for webhooks, and one for mails where there is a server: neither waits for the other."""
    sender = WebhookSender(store, Poster(Receivers(settings.webhook_private)))
    dispatchers = [Dispatcher(store.webhook_lanes, store.deliveries, sender, stop)]
    if settings.sends_mail:
        bounds = Bounds(threads=4, per_owner=1, lease_seconds=_MAIL_LEASE_SECONDS)
        dispatchers.append(Dispatcher(store.mail_lanes, store.deliveries, MailSender(store, settings), stop, bounds))
    return Notifier(Teller(store, settings), dispatchers, stop)
