"""Signatures as an implementation that is not ours, and the one in our own document, verify them."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from notifications.signatures import new_secret
from settings import Settings
from storage.store import Store
from tests.conftest import ROOT
from tests.notifications.conftest import a_failed_job, a_project, a_webhook, telling
from tests.notifications.receivers import Received, Receiver


def documented(secret: str, message: Received) -> bool:
    """What the document's own lines say."""
    (code,) = re.findall(r"```python\n(.+?)```", (ROOT / "docs" / "webhooks.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102  # our own document
    return bool(names["is_genuine"](secret, message.headers, message.body))


def verified(secret: str, message: Received) -> bool:
    try:
        Verifier(secret).verify(message.body, message.headers)
    except WebhookVerificationError:
        return False
    return True


def test_messages_are_signed_with_the_secret_and_after_a_rotation_with_both(
    store: Store, settings: Settings, inbox: Receiver
):
    project = a_project(store, "Früchte 🍎")
    webhook = a_webhook(store, project, inbox.url, ("job.failed",))
    first, second, third = webhook.secret, new_secret(), new_secret()
    with telling(store, settings):
        for count, secret in ((1, None), (2, second), (3, third)):
            if secret:
                store.webhooks.rotate(webhook, secret)
            a_failed_job(store, project, "ein Grund: ü")
            inbox.wait_for(count)
    for genuine in (documented, verified):
        seen = [[genuine(secret, message) for secret in (first, second, third)] for message in inbox.requests]
        assert seen == [[True, False, False], [True, True, False], [False, True, True]]
    assert verified(first, inbox.requests[0])


def test_after_a_day_the_old_secret_signs_no_more(store: Store, settings: Settings, inbox: Receiver):
    project = a_project(store)
    webhook = a_webhook(store, project, inbox.url, ("job.failed",))
    store.webhooks.rotate(webhook, new := new_secret())
    row = store.database["webhooks"].find_one({"_id": webhook.id})
    assert 23.9 < (row["previous_until"] - row["created_at"]).total_seconds() / 3600 < 24.1
    store.database["webhooks"].update_one({"_id": webhook.id}, {"$set": {"previous_until": row["created_at"]}})
    with telling(store, settings):
        a_failed_job(store, project)
        (got,) = inbox.wait_for(1)
    assert [verified(secret, got) for secret in (webhook.secret, new)] == [False, True]


@pytest.mark.parametrize("change", ["body", "webhook-id", "webhook-timestamp"])
def test_whoever_changes_a_message_is_found_out(store: Store, settings: Settings, inbox: Receiver, change: str):
    project = a_project(store)
    webhook = a_webhook(store, project, inbox.url, ("job.failed",))
    with telling(store, settings):
        a_failed_job(store, project)
        (got,) = inbox.wait_for(1)
    headers = {**got.headers, "webhook-timestamp": str(int(got.headers["webhook-timestamp"]) - 1)}
    headers = headers if change == "webhook-timestamp" else {**got.headers, "webhook-id": "msg_0"}
    body = got.body.replace(b"fruit", b"fraud") if change == "body" else got.body
    forged = Received(got.path, got.headers if change == "body" else headers, body, 0)
    assert not verified(webhook.secret, forged)
    assert not documented(webhook.secret, forged)


def test_secrets_are_as_long_as_the_specification_wants_and_never_the_same():
    secrets = {new_secret() for _ in range(50)}
    assert len(secrets) == 50
    assert all(len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32 for secret in secrets)
