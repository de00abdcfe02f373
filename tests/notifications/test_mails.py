"""Mails by a real SMTP server: to confirmed addresses, in words, and without holding up webhooks."""

from __future__ import annotations

import dataclasses
import email
import email.policy
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

from notifications.dispatcher import Bounds, Dispatcher
from notifications.events import EventType
from notifications.mails import MailSender
from notifications.notifier import Notifier
from notifications.outcomes import Outcome, Result
from notifications.teller import Teller, ask_for_confirmation
from settings import Settings
from storage.deliveries import DeliveryState
from storage.store import Store
from storage.users import User
from tests.conftest import wait_until
from tests.notifications.conftest import (
    LOOK_SECONDS,
    QUICK,
    a_failed_job,
    a_project,
    a_webhook,
    posting_dispatcher,
)
from tests.notifications.receivers import Receiver, certificate

ADDRESS = "ada@example.org"


class Postbox:
    """What the mail server took; `answer` decides about each mail."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.tries = 0
        self.answer = "250 OK"
        self.recipient_answer = "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: list[str]) -> str:
        if self.recipient_answer.startswith("250"):
            envelope.rcpt_tos.append(address)
            self.recipients.append(address)
        else:
            self.tries += 1
        return self.recipient_answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        self.tries += 1
        if self.answer.startswith("250"):
            content = envelope.content
            assert isinstance(content, bytes)
            self.mails.append(email.message_from_bytes(content, _class=EmailMessage, policy=email.policy.default))
        return self.answer


class MailServer(Controller):
    """On a port of the system's choice, which aiosmtpd would not find out by itself."""

    def __init__(self, postbox: Postbox, **options: Any):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        super().__init__(postbox, hostname="127.0.0.1", port=port, **options)


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


@pytest.fixture
def mail_settings(postbox: Postbox, settings: Settings) -> Iterator[Settings]:
    """The settings of an operator who has a mail server, which works."""
    yield from with_server(MailServer(postbox), settings)


def with_server(server: MailServer, settings: Settings) -> Iterator[Settings]:
    """The settings by which mail goes to this server, which runs meanwhile."""
    server.start()
    try:
        yield with_mail(settings, server.port)
    finally:
        server.stop()


def with_mail(settings: Settings, port: int, **more: Any) -> Settings:
    given = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_tls": "none", "mail_from": "DIYML <diyml@example.net>"}
    return dataclasses.replace(settings, **given, **more)


@contextmanager
def mailing(
    store: Store, settings: Settings, context: ssl.SSLContext | None = None, bounds: Bounds = QUICK
) -> Iterator[None]:
    """A notifier as a worker has one where there is a mail server."""
    stop = threading.Event()
    mails = Dispatcher(store.mail_lanes, store.deliveries, MailSender(store, settings, context), stop, bounds)
    hooks = posting_dispatcher(store, settings, stop, QUICK)
    notifier = Notifier(Teller(store, settings), [mails, hooks], stop, LOOK_SECONDS)
    notifier.thread.start()
    try:
        yield
    finally:
        stop.set()
        notifier.thread.join()


@pytest.fixture
def ada(store: Store) -> User:
    """A user with a confirmed address."""
    user = store.users.create("ada", b"long enough")
    store.mailboxes.ask(user.id, ADDRESS)
    code = store.mailboxes.new_code(user.id, ADDRESS)
    assert code
    assert store.mailboxes.confirm(user.id, code)
    return user


def the_state(store: Store, user: User) -> str:
    return "".join(delivery.state.value for delivery in store.deliveries.list_of(user.id, 10))


def text_of(mail: EmailMessage) -> str:
    return str(mail.get_content()).replace("\r\n", "\n")


def test_the_end_of_a_training_is_told_in_words(store: Store, mail_settings: Settings, postbox: Postbox, ada: User):
    project = a_project(store, "Früchte 🍎")
    with mailing(store, mail_settings):
        job = a_failed_job(store, project, "3 images have no label")
        (mail,) = wait_until(lambda: postbox.mails)
    assert mail["Subject"] == "The training of 'Früchte 🍎' has failed"
    assert (mail["From"], mail["To"]) == ("DIYML <diyml@example.net>", ADDRESS)
    assert mail["Message-ID"].endswith("@example.net>")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "text/plain"
    assert "The reason: 3 images have no label" in text_of(mail)
    assert f"https://diyml.example/api/v1/jobs/{job.id}" in text_of(mail)


def test_a_success_names_model_and_metrics(store: Store, mail_settings: Settings, postbox: Postbox, ada: User):
    project = a_project(store)
    store.jobs.create(project, {}, 1)
    job = store.job_runs.claim("w")
    assert job
    store.job_runs.beat(job, {"metrics": {"accuracy": 0.98765, "loss": float("nan")}}, [], [])
    model = store.models.create(project.id, job.id, {}, {})
    assert store.job_runs.succeed(job, model.id)
    with mailing(store, mail_settings):
        (mail,) = wait_until(lambda: postbox.mails)
    assert mail["Subject"] == "The training of 'fruit' has succeeded"
    assert "accuracy: 0.9877\nloss: unknown" in text_of(mail)
    assert f"The model: https://diyml.example/api/v1/models/{model.id}" in text_of(mail)


def test_a_user_is_told_of_the_events_they_want(store: Store, mail_settings: Settings, postbox: Postbox, ada: User):
    store.mailboxes.set_events(ada.id, (EventType.QUEUED.value,))
    with mailing(store, mail_settings):
        job = a_failed_job(store, a_project(store))
        wait_until(lambda: postbox.mails and not store.outbox.marked(job.id))
    assert [mail["Subject"] for mail in postbox.mails] == ["The training of 'fruit' waits in the queue"]


def test_an_address_is_written_to_only_after_its_code_came_back(
    store: Store, mail_settings: Settings, postbox: Postbox
):
    user = store.users.create("ada", b"long enough")
    project = a_project(store)
    with mailing(store, mail_settings):
        ask_for_confirmation(store, user, ADDRESS)
        (mail,) = wait_until(lambda: postbox.mails)
        job = a_failed_job(store, project)
        wait_until(lambda: not store.outbox.marked(job.id))
        assert store.mailboxes.get(user.id).email is None
        code = next(line.strip() for line in text_of(mail).splitlines() if line.startswith("    "))
        assert not store.mailboxes.confirm(user.id, code[:-1])
        assert store.mailboxes.confirm(user.id, code)
        assert not store.mailboxes.confirm(user.id, code)
        a_failed_job(store, project)
        wait_until(lambda: len(postbox.mails) == 2)
    assert postbox.recipients == [ADDRESS, ADDRESS]
    assert code not in str(list(store.database["mailboxes"].find()) + list(store.database["deliveries"].find()))


def test_a_code_is_good_for_an_hour_and_only_the_last_one(store: Store):
    user = store.users.create("ada", b"long enough")
    store.mailboxes.ask(user.id, ADDRESS)
    first, second = (store.mailboxes.new_code(user.id, ADDRESS) for _ in range(2))
    assert first
    assert second
    assert not store.mailboxes.confirm(user.id, first)
    store.database["mailboxes"].update_one({"_id": user.id}, [{"$set": {"code_until": "$$NOW"}}])
    assert not store.mailboxes.confirm(user.id, second)
    assert store.mailboxes.new_code(user.id, "another@example.org") is None


def test_a_mail_server_that_was_away_gets_each_mail_later_once(
    store: Store, mail_settings: Settings, postbox: Postbox, ada: User
):
    postbox.answer = "451 try again later"
    with mailing(store, mail_settings):
        a_failed_job(store, a_project(store))
        wait_until(lambda: postbox.tries >= 2)
        postbox.answer = "250 OK"
        wait_until(lambda: the_state(store, ada) == "delivered")
    assert len(postbox.mails) == 1


def test_an_address_that_the_server_refuses_for_good_is_given_up_at_once(
    store: Store, mail_settings: Settings, postbox: Postbox, ada: User
):
    postbox.recipient_answer = "550 no such user"
    with mailing(store, mail_settings):
        a_failed_job(store, a_project(store))
        wait_until(lambda: the_state(store, ada) == "failed")
    assert postbox.tries == 1
    assert store.deliveries.list_of(ada.id, 1)[0].status == "the mail server refused the address with 550"


class Unkind(MailServer):
    """Takes leave with an error."""

    def factory(self) -> SMTP:
        class Server(SMTP):
            async def smtp_QUIT(self, arg: str) -> None:
                await self.push("500 what is that?")

        return Server(self.handler)


@pytest.fixture
def unkind(postbox: Postbox, settings: Settings) -> Iterator[Settings]:
    yield from with_server(Unkind(postbox), settings)


def the_try(store: Store, settings: Settings) -> Outcome:
    """What comes of one try to send the mail about a job that has failed."""
    a_failed_job(store, a_project(store))
    Teller(store, settings).tell_all()
    lane = store.mail_lanes.claim(60)
    assert lane
    delivery = store.deliveries.take(lane)
    assert delivery
    return MailSender(store, settings).send(lane, delivery)


def test_a_mail_that_was_taken_is_sent_however_the_server_takes_leave(
    store: Store, unkind: Settings, postbox: Postbox, ada: User
):
    assert the_try(store, unkind) == Outcome(Result.DELIVERED, "the mail server took it")
    assert len(postbox.mails) == 1


def test_a_refusal_stays_one_however_the_server_takes_leave(
    store: Store, unkind: Settings, postbox: Postbox, ada: User
):
    postbox.recipient_answer = "550 no such user"
    assert the_try(store, unkind) == Outcome(Result.NEVER, "the mail server refused the address with 550")


def test_a_mail_that_the_server_does_not_like_holds_up_no_others(
    store: Store, mail_settings: Settings, postbox: Postbox, ada: User
):
    postbox.answer = "552 too large"
    assert the_try(store, mail_settings) == Outcome(Result.REFUSED, "the mail server refused the mail with 552")


def test_a_mail_server_that_says_a_letter_now_and_then_is_given_up_before_the_lease_is_over(
    store: Store, settings: Settings, ada: User, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("notifications.mails._WHOLE_SECONDS", 0.5)
    given_up = threading.Event()

    def drip(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection, suppress(OSError):
            while not given_up.wait(0.05):
                connection.sendall(b"2")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        dripping = threading.Thread(target=drip, args=(listening,), daemon=True)
        dripping.start()
        try:
            outcome = the_try(store, with_mail(settings, listening.getsockname()[1]))
        finally:
            given_up.set()
            dripping.join()
    assert outcome == Outcome(Result.ABSENT, "the mail server did not take it within 0.5 s")


def test_a_mail_server_that_hangs_holds_up_no_webhook(store: Store, settings: Settings, inbox: Receiver, ada: User):
    project = a_project(store)
    a_webhook(store, project, inbox.url)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hanging = with_mail(settings, silent.getsockname()[1])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("notifications.mails._STEP_SECONDS", 3.0)
            with mailing(store, hanging):
                a_failed_job(store, project)
                inbox.wait_for(3, seconds=10)
                assert store.deliveries.list_of(ada.id, 1)[0].state is DeliveryState.WAITING


@pytest.mark.parametrize("how", ["starttls", "tls"])
def test_the_connection_is_encrypted_before_the_password_is_said(
    store: Store, settings: Settings, ada: User, postbox: Postbox, tmp_path: Path, how: str
):
    server_context, client_context = certificate(tmp_path, "localhost")
    said: list[tuple[bytes, bool]] = []

    def authenticate(server: SMTP, session: Any, envelope: Any, mechanism: str, data: LoginPassword) -> AuthResult:
        said.append((data.password, session.ssl is not None or how == "tls"))
        return AuthResult(success=data.password == b"open sesame")

    options: dict[str, Any] = {"tls_context" if how == "starttls" else "ssl_context": server_context}
    # aiosmtpd does not know of a connection that it has been encrypted from the beginning.
    options |= {"auth_required": how == "starttls", "auth_require_tls": how == "starttls"}
    server = MailServer(postbox, authenticator=authenticate, **options)
    server.start()
    try:
        more = {"smtp_tls": how, "smtp_user": "diyml", "smtp_password": "open sesame"}
        settings = dataclasses.replace(with_mail(settings, server.port), smtp_host="localhost", **more)
        with mailing(store, settings, client_context):
            a_failed_job(store, a_project(store))
            wait_until(lambda: postbox.mails)
    finally:
        server.stop()
    assert said == [(b"open sesame", True)]
    assert "open sesame" not in repr(settings)


def test_a_server_without_starttls_gets_nothing_when_it_is_asked_for(
    store: Store, mail_settings: Settings, postbox: Postbox, ada: User
):
    with mailing(store, dataclasses.replace(mail_settings, smtp_tls="starttls"), bounds=Bounds(waits=(0.01,))):
        a_failed_job(store, a_project(store))
        wait_until(lambda: the_state(store, ada) == "failed")
    assert postbox.mails == []


def test_a_removed_address_gets_nothing_more(store: Store, mail_settings: Settings, postbox: Postbox, ada: User):
    Teller(store, mail_settings)
    a_failed_job(store, a_project(store))
    Teller(store, mail_settings).tell_all()
    store.mailboxes.remove(ada.id)
    with mailing(store, mail_settings):
        wait_until(lambda: the_state(store, ada) == "failed")
    assert postbox.mails == []


def test_what_a_deleted_user_left_is_gone(store: Store, mail_settings: Settings, ada: User):
    a_failed_job(store, a_project(store))
    Teller(store, mail_settings).tell_all()
    assert store.database["deliveries"].count_documents({"lane_id": ada.id}) == 1
    store.delete_user(ada.id)
    assert store.database["deliveries"].count_documents({}) == 0
    assert store.database["mailboxes"].count_documents({}) == 0
