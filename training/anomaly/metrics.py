"""What a detector of anomalies is worth: by rows, by ranges, by events; and how often it cries wolf."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_Z = 1.959964


def area_under_roc(scores: np.ndarray, labels: np.ndarray) -> float:
    """By ranks, equal scores counting half (Hanley and McNeil, 1982); 0.5 when a class does not occur."""
    positives = int(labels.sum())
    if not 0 < positives < len(labels):
        return 0.5
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    above = ranks[labels].sum() - positives * (positives + 1) / 2
    return float(above / (positives * (len(labels) - positives)))


def by_rows(labels: np.ndarray, alarms: np.ndarray) -> dict[str, float]:
    """Each row for itself, bool [n] both: F1, precision, recall, and the rates of false and of missing alarms."""
    hit, false = int((labels & alarms).sum()), int((~labels & alarms).sum())
    missed = int((labels & ~alarms).sum())
    return {
        "f1": _part(2 * hit, 2 * hit + false + missed),
        "precision": _part(hit, hit + false),
        "recall": _part(hit, hit + missed),
        "false_alarm_rate": _part(false, int((~labels).sum())),
        "missing_alarm_rate": _part(missed, int(labels.sum())),
    }


def by_ranges(labels: np.ndarray, alarms: np.ndarray) -> dict[str, float]:
    """Range-based precision, recall and F1 of Tatbul and others (2018).

    With a flat bias, a cardinality factor of 1/x for a range that is met by x others, and no reward for mere existence.
    """
    real, told = ranges(labels), ranges(alarms)
    recall, precision = _overlap(real, told), _overlap(told, real)
    return {
        "range_precision": precision,
        "range_recall": recall,
        "range_f1": 2 * precision * recall / (precision + recall) if precision + recall else 0.0,
    }


def by_events(labels: np.ndarray, alarms: np.ndarray) -> dict[str, float | int | None]:
    """Anomalous stretches, how many of them were told at all, and after how many rows in the median."""
    events = ranges(labels)
    delays = [int(np.argmax(alarms[start:stop])) for start, stop in events if alarms[start:stop].any()]
    return {
        "events": len(events),
        "events_detected": len(delays),
        "detection_delay_rows": float(np.median(delays)) if delays else None,
    }


def false_alarms(alarms: np.ndarray, memory_rows: float) -> dict[str, Any]:
    """Rate of alarms among rows taken to be normal, with the interval of Wilson (1927).

    Neighbours share most of their window and of their smoothed score, so the interval counts one row of each
    `memory_rows`: it is wide where little is known.
    """
    rate = float(alarms.mean()) if len(alarms) else 0.0
    count = max(1.0, len(alarms) / max(1.0, memory_rows))
    middle = (rate + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
    half = _Z * math.sqrt(rate * (1 - rate) / count + _Z**2 / (4 * count**2)) / (1 + _Z**2 / count)
    return {
        "rate": round(rate, 6),
        "interval_95": [round(max(0.0, middle - half), 6), round(min(1.0, middle + half), 6)],
        "rows": len(alarms),
        "independent_rows": round(count, 1),
    }


def ranges(flags: np.ndarray) -> list[tuple[int, int]]:
    """Runs of true, each as its first row and the one after its last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def _overlap(of: list[tuple[int, int]], others: list[tuple[int, int]]) -> float:
    """How much of each range the others cover, less when it takes several of them; the mean."""
    total = 0.0
    for start, stop in of:
        shared = [min(stop, b) - max(start, a) for a, b in others if a < stop and b > start]
        total += sum(shared) / (stop - start) / len(shared) if shared else 0.0
    return total / len(of) if of else 0.0


def _part(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
