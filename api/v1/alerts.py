"""`/api/v1/projects/<project>/alerts`: when rows of a project are an incident, and who is told."""

from __future__ import annotations

from typing import Any

from alerts.kinds import KINDS
from alerts.telling import receivers, try_out
from api.etags import etag, wanted_revision
from api.operation import Page, operation
from api.pagination import whole
from api.parameters import parse
from api.v1.alert_schemas import AlertRuleChange, AlertRuleShown, NewAlertRule, TrialShown
from api.v1.located import ProjectResource
from storage.alert_incidents import OPENED
from storage.alert_rules import AlertRule
from storage.database import object_id
from utils import Conflict, InvalidInput, NotFound

REVISION = {"ETag": "the revision of the rule, for If-Match"}
_MOST_TRIALS = 30


class ProjectAlerts(ProjectResource):
    """The base of all that belongs to a project's alert rules."""

    def rule(self, rule_id: str) -> AlertRule:
        """The rule of this id.

        Raises:
            NotFound: the project has none.
        """
        return self.services.store.alert_rules.get(self.project.id, object_id(rule_id, "alert rule"))

    def webhook_ids(self, named: list[str] | None) -> list[Any] | None:
        """Ids of webhooks that a rule may tell.

        Raises:
            InvalidInput: one is none of the project's, or wants no alerts.
        """
        if named is None:
            return None
        return [self._webhook_id(text) for text in dict.fromkeys(named)]

    def _webhook_id(self, text: str) -> Any:
        try:
            webhook = self.services.store.webhooks.get(self.project.id, object_id(text, "webhook"))
        except NotFound as error:
            raise _refused("webhooks", error.detail) from None
        if OPENED not in webhook.events:
            raise _refused("webhooks", f"the webhook '{webhook.id}' does not want {OPENED}: add it to its events first")
        return webhook.id


class AlertRuleList(ProjectAlerts):
    """The alert rules of a project."""

    @operation(gives=Page[AlertRuleShown])
    def get(self) -> dict[str, Any]:
        """List them, oldest first."""
        return whole([_shown(rule) for rule in self.services.store.alert_rules.list_of(self.project.id)])

    @operation(
        takes=NewAlertRule,
        gives=AlertRuleShown,
        status=201,
        errors=(409,),
        headers={"Location": "the rule", **REVISION},
    )
    def post(self, new: NewAlertRule) -> tuple[dict[str, Any], dict[str, str]]:
        """Make one; it looks at the rows that come from now on."""
        fields = new.model_dump(exclude={"api_token"})
        fields |= {"parameters": _parameters(new.kind, new.parameters), "webhooks": self.webhook_ids(new.webhooks)}
        rule = self.services.store.alert_rules.create(self.project, fields, self.request_key)
        location = f"/api/v1/projects/{self.project.id}/alerts/{rule.id}"
        return _shown(rule), {"Location": location, **etag(rule.revision)}


class AlertRuleItem(ProjectAlerts):
    """One alert rule."""

    @operation(gives=AlertRuleShown, headers=REVISION)
    def get(self, rule_id: str) -> tuple[dict[str, Any], dict[str, str]]:
        """What it looks for, and whom it tells."""
        rule = self.rule(rule_id)
        return _shown(rule), etag(rule.revision)

    @operation(takes=AlertRuleChange, gives=AlertRuleShown, errors=(412,), headers=REVISION)
    def patch(self, change: AlertRuleChange, rule_id: str) -> tuple[dict[str, Any], dict[str, str]]:
        """Change it; with other parameters, or switched off, its open incidents are over and it begins anew."""
        rule = self.rule(rule_id)
        fields = change.model_dump(exclude_unset=True, exclude={"api_token"})
        if not fields:
            raise InvalidInput("nothing to change: send name, parameters, cooldown_seconds, active or whom to tell")
        if change.parameters is not None:
            fields["parameters"] = _parameters(rule.kind, change.parameters)
        if "webhooks" in fields:
            fields["webhooks"] = self.webhook_ids(change.webhooks)
        rule = self.services.store.alert_rules.change(rule, fields, wanted_revision())
        return _shown(rule), etag(rule.revision)

    @operation(status=204, errors=(412,))
    def delete(self, rule_id: str) -> None:
        """Delete it; its open incidents are over, and stay in the list."""
        self.services.store.alert_rules.delete(self.rule(rule_id), wanted_revision())


class AlertRuleTest(ProjectAlerts):
    """A message to try a rule with."""

    @operation(gives=TrialShown, status=202, errors=(409, 429))
    def post(self, rule_id: str) -> dict[str, Any]:
        """Send one of type `alert.test` to all whom an incident would be told to."""
        rule, store = self.rule(rule_id), self.services.store
        lanes = receivers(store, self.services.settings, rule, self.project)
        if not lanes:
            raise Conflict(
                f"nobody would be told: the project needs an active webhook that wants {OPENED} and that the rule "
                "names, or the rule needs `mail` and the project's owner a confirmed address that wants such mail"
            )
        store.hourly.charge(f"alert test {self.project.id}", _MOST_TRIALS, "tests in an hour")
        try_out(store, rule)
        owner_id = self.project.owner_id
        return {"webhooks": [str(lane) for lane in lanes if lane != owner_id], "mail": owner_id in lanes}


def _parameters(kind: str, given: dict[str, Any]) -> dict[str, Any]:
    """Parameters of a kind, with what was left out filled in.

    Raises:
        InvalidInput: with one entry in `errors` for each bad one.
    """
    try:
        return parse(KINDS[kind].parameters, given, strict=True).model_dump()
    except InvalidInput as error:
        errors = error.errors
    messages = [item["message"] for item in errors]
    fields = [item["field"] for item in errors]
    named = ["parameters" if field == "body" else f"parameters.{field}" for field in fields]
    raise InvalidInput(
        "; ".join(f"parameters: {message.removeprefix('body: ')}" for message in messages),
        [{"field": field, "message": message} for field, message in zip(named, messages, strict=True)],
    )


def _refused(field: str, message: str) -> InvalidInput:
    return InvalidInput(f"{field}: {message}", [{"field": field, "message": f"{field}: {message}"}])


def _shown(rule: AlertRule) -> dict[str, Any]:
    return {
        "id": str(rule.id),
        "project_id": str(rule.project_id),
        "name": rule.name,
        "kind": rule.kind,
        "parameters": rule.parameters,
        "cooldown_seconds": rule.cooldown_seconds,
        "active": rule.active,
        "webhooks": None if rule.webhooks is None else [str(id) for id in rule.webhooks],
        "mail": rule.mail,
        "webhook_picture": rule.webhook_picture,
        "created_at": rule.created_at.isoformat(),
        "revision": rule.revision,
    }
