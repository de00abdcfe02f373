"""What is answered to a message, as it is kept, published and read: one line of JSON."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from inference.anomaly.judging import Judged
from streams.messages import Message
from streams.models import Serving

_REASON_CHARACTERS = 1_000


@dataclass(frozen=True)
class Answer:
    """The answer to one message.

    Attributes:
        line: as it is kept.
        reason: why the message could not be judged; None when it was.
        body: of a message that could not be judged.
        is_result: whether a model judged it.
    """

    line: str
    message_id: str | None
    reason: str | None = None
    body: str = ""
    is_result: bool = False

    @classmethod
    def of(cls, line: str) -> Answer:
        """Back from what was kept."""
        content = json.loads(line)
        is_result = content.get("model") is not None
        return cls(line, content["message_id"], content.get("reason"), content.get("body", ""), is_result)

    def to_letter(self) -> dict[str, Any]:
        """As a dead letter is kept."""
        return {"message_id": self.message_id, "reason": self.reason, "body": self.body}


def judged(message: Message, serving: Serving, rows: Iterable[tuple[str, Judged]]) -> Answer:
    """The rows of a message, judged, each with its key."""
    model = {"id": str(serving.model_id), "version": serving.version}
    shown = [{"key": key, **row.to_row()} for key, row in rows]
    return Answer(_line({"message_id": message.id, "model": model, "rows": shown}), message.id, is_result=True)


def collected(message: Message) -> Answer:
    """No model judged the message; its rows become data."""
    content = {"message_id": message.id, "model": None, "rows": [], "collected": len(message.rows)}
    return Answer(_line(content), message.id)


def refused(message: Message, reason: str) -> Answer:
    """The message could not be judged."""
    reason = reason[:_REASON_CHARACTERS]
    content = {"message_id": message.id, "reason": reason, "body": message.body}
    return Answer(_line(content), message.id, reason, message.body)


def rows_by_key(answers: Iterable[str]) -> dict[str, list[Judged]]:
    """Judged rows out of answers, in order."""
    found: dict[str, list[Judged]] = defaultdict(list)
    for answer in map(json.loads, answers):
        for row in answer.get("rows", ()):
            found[row["key"]].append(Judged.of(row))
    return found


def _line(answer: dict[str, Any]) -> str:
    return json.dumps(answer, separators=(",", ":"), allow_nan=False)
