from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from settings import Settings
from storage.store import Store
from tests.api.problems import assert_problem
from tests.api.v1.test_jobs import get
from tests.conftest import Caller, wait_until
from tests.notifications.test_mails import ADDRESS, MailServer, Postbox, mailing, text_of, with_mail

NOTHING = {
    "username": "ada",
    "email": None,
    "email_pending": None,
    "email_events": ["job.succeeded", "job.failed", "alert.opened", "alert.closed"],
}


def mail_part(response: TestResponse) -> dict[str, object]:
    """What an answer tells of name and mail; the rest is of the token."""
    return {name: response.json[name] for name in NOTHING}


@pytest.fixture
def mail_settings(session_app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The web server of an operator who has named a mail server."""
    platform, mail = session_app.extensions["diyml"], with_mail(settings, 1)
    monkeypatch.setattr(platform, "_services", dataclasses.replace(platform.services, settings=mail))
    return mail


@pytest.fixture
def postbox(mail_settings: Settings) -> Iterator[Postbox]:
    """What a mail server that works has taken."""
    postbox = Postbox()
    server = MailServer(postbox)
    server.start()
    try:
        object.__setattr__(mail_settings, "smtp_port", server.port)
        yield postbox
    finally:
        server.stop()


def test_an_account_has_no_address_before_it_gives_one(caller: Caller):
    assert mail_part(get(caller, "/api/v1/me")) == NOTHING
    assert mail_part(caller.call("PATCH", "/api/v1/me")) == NOTHING


def test_an_address_counts_once_its_code_came_back(
    caller: Caller, store: Store, mail_settings: Settings, postbox: Postbox
):
    asked = caller.call("PATCH", "/api/v1/me", email=ADDRESS, email_events=["job.failed"])
    assert asked.status_code == 200
    assert mail_part(asked) == {**NOTHING, "email_pending": ADDRESS, "email_events": ["job.failed"]}
    with mailing(store, mail_settings):
        (mail,) = wait_until(lambda: postbox.mails)
    code = next(line.strip() for line in text_of(mail).splitlines() if line.startswith("    "))
    assert_problem(caller.call("POST", "/api/v1/me/email/confirm", code="0" * 16), 400, "code")
    confirmed = caller.call("POST", "/api/v1/me/email/confirm", code=code)
    assert mail_part(confirmed) == {**NOTHING, "email": ADDRESS, "email_events": ["job.failed"]}
    assert_problem(caller.call("POST", "/api/v1/me/email/confirm", code=code), 400, "code")
    token = {"Authorization": f"Bearer {caller.token}"}
    removed = caller._client.patch("/api/v1/me", json={"email": None}, headers=token).json
    assert (removed["email"], removed["email_events"]) == (None, ["job.failed"])


def test_another_users_code_does_not_help(caller: Caller, other: Caller, store: Store, mail_settings: Settings):
    for user in (caller, other):
        assert user.call("PATCH", "/api/v1/me", email=ADDRESS).status_code == 200
    ada = store.users.find("ada")
    assert ada
    code = store.mailboxes.new_code(ada.id, ADDRESS)
    assert_problem(other.call("POST", "/api/v1/me/email/confirm", code=code), 400)
    assert caller.call("POST", "/api/v1/me/email/confirm", code=code).json["email"] == ADDRESS


def test_without_a_mail_server_no_address_is_taken(caller: Caller, store: Store):
    assert_problem(caller.call("PATCH", "/api/v1/me", email=ADDRESS), 409, "operator")
    assert mail_part(get(caller, "/api/v1/me")) == NOTHING
    assert store.database["deliveries"].count_documents({}) == 0


@pytest.mark.parametrize(
    "address",
    ["", "ada", "ada@", "@example.org", "ada@example", "a da@example.org", "ada@example.org\r\nBcc: x@example.org",
     "Ada <ada@example.org>", "ada@example.org,eve@example.org", "ada@-example.org", "ädä@example.org",
     "a" * 65 + "@example.org", "ada@" + "a" * 250 + ".org", "ada@[127.0.0.1]", '"a"@example.org', "a..b@example.org",
     1, ["ada@example.org"]],
)  # fmt: skip
def test_what_is_no_address_is_400(caller: Caller, mail_settings: Settings, store: Store, address: object):
    assert_problem(caller.call("PATCH", "/api/v1/me", email=address), 400, "email")
    assert store.database["deliveries"].count_documents({}) == 0


def test_mails_that_ask_and_codes_that_are_tried_are_bounded(
    caller: Caller, other: Caller, mail_settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("api.v1.me._MOST_CODES", 2)
    for user, number in ((caller, 3), (other, 2)):
        for _ in range(number):
            assert user.call("PATCH", "/api/v1/me", email=ADDRESS).status_code == 200
    assert_problem(caller.call("PATCH", "/api/v1/me", email="Ada@example.org"), 429, "to this address")
    codes = [caller.call("POST", "/api/v1/me/email/confirm", code="x").status_code for _ in range(3)]
    assert codes == [400, 400, 429]


@pytest.mark.parametrize("body", [{"email_events": ["job.exploded"]}, {"email_events": "all"}, {"color": "red"}])
def test_a_change_that_cannot_be_is_400(caller: Caller, body: dict[str, object]):
    assert_problem(caller.call("PATCH", "/api/v1/me", **body), 400, *body)


def test_somebody_may_want_no_mail_and_keep_the_address(caller: Caller):
    assert caller.call("PATCH", "/api/v1/me", email_events=[]).json["email_events"] == []
