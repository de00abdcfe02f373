"""What one heartbeat has to tell, as events of the job."""

from __future__ import annotations

from typing import Any

from storage.job import Job
from storage.job_events import News

MOST_LOG_LINES = 20_000
MOST_LOG_BYTES = 5_000_000
LOG_ENDS = f"(the log is longer than {MOST_LOG_LINES:,} lines or {MOST_LOG_BYTES:,} bytes: the rest is not kept)"
_LINES_AN_EVENT = 200
_PROGRESS_STEPS = 200


def news_of(
    job: Job, fields: dict[str, Any], history: list[dict[str, Any]], log: list[str]
) -> tuple[list[News], dict[str, int]]:
    """The events of a heartbeat, and the fields of `Job` that count how much of the log is kept.

    Args:
        job: as the last heartbeat left it.
        fields: progress fields that this one sets; `history` and `log` as in `Jobs.beat`.
    """
    lines, size, kept = job.log_lines, job.log_bytes, []
    for line in log:
        if _full(lines, size):
            break
        lines, size = lines + 1, size + len(line.encode(errors="replace")) + 1
        kept.append(LOG_ENDS if _full(lines, size) else line)
    blocks = [kept[start : start + _LINES_AN_EVENT] for start in range(0, len(kept), _LINES_AN_EVENT)]
    news = [News("log", {"lines": block}) for block in blocks]
    news += [News("metrics", entry) for entry in history]
    news += _progress(job, fields)
    return news, {"log_lines": lines, "log_bytes": size} if kept else {}


def _full(lines: int, size: int) -> bool:
    return lines > MOST_LOG_LINES or size > MOST_LOG_BYTES


def _progress(job: Job, fields: dict[str, Any]) -> list[News]:
    """An event when an epoch ended or half a percent was done, so that a training of a day has a bounded number."""
    now = {name: fields.get(name, getattr(job, name)) for name in ("epoch", "epochs", "progress", "eta_seconds")}
    moved = int(now["progress"] * _PROGRESS_STEPS) > int(job.progress * _PROGRESS_STEPS)
    if not moved and now["epoch"] == job.epoch:
        return []
    return [News("progress", {"attempt": job.attempt, **now})]
