"""`/api/v1/projects/<project>/webhooks/<webhook_id>/deliveries`: what became of each message."""

from __future__ import annotations

from typing import Any

from api.operation import Page, operation
from api.pagination import page, position
from api.v1.notification_answers import DeliveryShown
from api.v1.notification_representation import delivery_shown
from api.v1.notification_schemas import DeliveriesQuery
from api.v1.webhooks import ProjectWebhooks
from notifications.teller import send_again
from storage.database import object_id
from storage.order import Place


class DeliveryList(ProjectWebhooks):
    """The messages of a webhook, for 30 days."""

    @operation(takes=DeliveriesQuery, gives=Page[DeliveryShown])
    def get(self, query: DeliveriesQuery, webhook_id: str) -> dict[str, Any]:
        """List them, newest first."""
        webhook = self.webhook(webhook_id)
        rows = self.services.store.deliveries.list_of(
            webhook.id, query.limit + 1, position(query.cursor), state=query.state
        )
        return page(rows, query.limit, show=delivery_shown, place=lambda row: Place(row.created_at, row.id))


class DeliveryRetry(ProjectWebhooks):
    """One more time for a message that waits or was given up."""

    @operation(gives=DeliveryShown, status=202, errors=(409,))
    def post(self, webhook_id: str, delivery_id: str) -> dict[str, Any]:
        """Try it at once, and from the beginning."""
        webhook = self.switched_on(webhook_id)
        delivery = send_again(self.services.store, webhook, object_id(delivery_id, "delivery"))
        return delivery_shown(delivery)
