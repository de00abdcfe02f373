"""`/api/v1/projects/<project>/webhooks`: whom to tell of a project's trainings."""

from __future__ import annotations

from typing import Any

from api.operation import Page, operation
from api.pagination import whole
from api.v1.located import ProjectResource
from api.v1.notification_answers import (
    Deleted,
    DeliveryShown,
    NewWebhookShown,
    RotatedWebhookShown,
    WebhookShown,
)
from api.v1.notification_representation import delivery_shown, webhook_shown
from api.v1.notification_schemas import NewWebhook, WebhookChange
from notifications.receivers import Receivers
from notifications.signatures import new_secret
from notifications.teller import send_test
from storage.database import object_id
from storage.webhooks import Webhook
from utils import Conflict

_MOST_TESTS = 30


class ProjectWebhooks(ProjectResource):
    """The base of all that belongs to a project's webhooks."""

    def webhook(self, webhook_id: str) -> Webhook:
        """The webhook of this id.

        Raises:
            NotFound: the project has none.
        """
        return self.services.store.webhooks.get(self.project.id, object_id(webhook_id, "webhook"))

    def switched_on(self, webhook_id: str) -> Webhook:
        """As `webhook`, for what is to be sent at once.

        Raises:
            Conflict: nothing is sent to it.
        """
        webhook = self.webhook(webhook_id)
        if not webhook.active:
            raise Conflict("the webhook is switched off: set `active` to true first")
        return webhook

    def check_url(self, url: str) -> None:
        """See that a webhook may have this URL.

        Raises:
            InvalidInput: it may not; says why.
        """
        Receivers(self.services.settings.webhook_private).check(url)


class WebhookList(ProjectWebhooks):
    """The webhooks of a project."""

    @operation(gives=Page[WebhookShown])
    def get(self) -> dict[str, Any]:
        """List them, oldest first, without their secrets."""
        return whole([webhook_shown(webhook) for webhook in self.services.store.webhooks.list_of(self.project.id)])

    @operation(takes=NewWebhook, gives=NewWebhookShown, status=201, errors=(409,), headers={"Location": "the webhook"})
    def post(self, new: NewWebhook) -> tuple[dict[str, Any], dict[str, str]]:
        """Make one; the secret is shown in this answer only."""
        project = self.project
        self.check_url(new.url)
        events = tuple(event.value for event in new.events)
        webhook = self.services.store.webhooks.create(project, new.url, events, new_secret())
        location = f"/api/v1/projects/{project.id}/webhooks/{webhook.id}"
        return {**webhook_shown(webhook), "secret": webhook.secret}, {"Location": location}


class WebhookItem(ProjectWebhooks):
    """One webhook."""

    @operation(gives=WebhookShown)
    def get(self, webhook_id: str) -> dict[str, Any]:
        """Without its secret."""
        return webhook_shown(self.webhook(webhook_id))

    @operation(takes=WebhookChange, gives=WebhookShown, errors=(409,))
    def patch(self, change: WebhookChange, webhook_id: str) -> dict[str, Any]:
        """Change it; what waits is then tried at once."""
        store = self.services.store
        webhook = self.webhook(webhook_id)
        fields = change.model_dump(mode="json", exclude_unset=True, exclude={"api_token"})
        if change.url is not None:
            self.check_url(change.url)
        changed = store.webhooks.change(webhook, fields)
        store.deliveries.due_now(webhook.id)
        return webhook_shown(changed)

    @operation(gives=Deleted)
    def delete(self, webhook_id: str) -> dict[str, Any]:
        """Delete it with its deliveries; nothing is sent any more."""
        webhook, store = self.webhook(webhook_id), self.services.store
        store.webhooks.delete(webhook.id)
        store.deliveries.delete_lanes([webhook.id])
        return {"Status": "Successful deletion"}


class WebhookTest(ProjectWebhooks):
    """A message to try a webhook with."""

    @operation(gives=DeliveryShown, status=202, errors=(409, 429))
    def post(self, webhook_id: str) -> dict[str, Any]:
        """Queue one of type `webhook.test`, whatever events the webhook wants."""
        webhook, store = self.switched_on(webhook_id), self.services.store
        store.hourly.charge(f"webhook test {webhook.id}", _MOST_TESTS, "tests in an hour")
        return delivery_shown(send_test(store, webhook, self.project))


class WebhookSecret(ProjectWebhooks):
    """The secret of a webhook."""

    @operation(gives=RotatedWebhookShown)
    def post(self, webhook_id: str) -> dict[str, Any]:
        """Make a new one, shown in this answer only; for a day the one before signs too."""
        webhook = self.services.store.webhooks.rotate(self.webhook(webhook_id), new_secret())
        until = webhook.previous_until
        return {
            **webhook_shown(webhook),
            "secret": webhook.secret,
            "previous_secret_until": until.isoformat() if until else None,
        }
