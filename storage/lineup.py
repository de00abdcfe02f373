"""A job's place in the queue, worked out from who waits, who runs and which devices there are."""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from bson import ObjectId

from storage.device import DeviceChoice, DeviceKind

NO_WORKER = "no worker is running: the training waits until one is there"
NO_DEVICE = {
    DeviceKind.GPU: "no worker with a GPU is running: the training waits until one is there, "
    "or cancel it and ask for the CPU",
    DeviceKind.CPU: "no worker that trains on the CPU is running: the training waits until one is there, "
    "or cancel it and ask for a GPU",
}


class Waiting(NamedTuple):
    """A queued job; `turns` has its turn on each kind of device that it may run on."""

    id: ObjectId
    owner_id: ObjectId
    choice: DeviceChoice
    turns: Mapping[DeviceKind, int]


class Running(NamedTuple):
    """A running job; `seconds_left` is None when nothing tells."""

    owner_id: ObjectId
    kind: DeviceKind
    seconds_left: float | None


@dataclass(frozen=True)
class Lineup:
    """Who waits, who runs, and on what.

    Attributes:
        waiting: the older one first.
        running: on devices of workers that are there.
        free: how many devices of a kind are there with nothing to do.
        typical_seconds: how long a training takes on a kind; a kind on which none has ended yet is not in it.
    """

    waiting: tuple[Waiting, ...] = ()
    running: tuple[Running, ...] = ()
    free: Mapping[DeviceKind, int] = field(default_factory=dict)
    typical_seconds: Mapping[DeviceKind, float] = field(default_factory=dict)

    def has(self, kind: DeviceKind) -> bool:
        """Whether there is a device of this kind, free or not."""
        return self.free.get(kind, 0) > 0 or any(job.kind is kind for job in self.running)


@dataclass(frozen=True)
class Place:
    """A job's place in the queue.

    Attributes:
        position: among the jobs that wait for the same devices; 1 is next.
        starts_in_seconds: an estimate; None when it cannot be known.
        reason: why it cannot start, when no device is there that could take it.
    """

    position: int
    starts_in_seconds: float | None
    reason: str | None = None


class _Slot(NamedTuple):
    """A device that will be free in so many seconds, if that is certain; `owner_id` has it until then."""

    seconds: float
    number: int
    kind: DeviceKind
    owner_id: ObjectId | None
    certain: bool


def place_of(job_id: ObjectId, lineup: Lineup) -> Place | None:
    """The place of a job; None when it does not wait.

    Only devices count that could take the job. With none of them there, its position is what it would be with one.
    """
    job = next((waiting for waiting in lineup.waiting if waiting.id == job_id), None)
    if job is None:
        return None
    kinds = job.choice.kinds
    reason = _why_none(lineup, kinds)
    known = all(running.seconds_left is not None for running in lineup.running if running.kind in kinds)
    missing = kinds[:1] if reason else ()
    position = 0
    for waiting, slot in _served(lineup, missing):
        position += slot.kind in kinds
        if waiting.id == job_id:
            return Place(position, round(slot.seconds, 1) if known and slot.certain else None, reason)
    return None


def _why_none(lineup: Lineup, kinds: tuple[DeviceKind, ...]) -> str | None:
    if any(map(lineup.has, kinds)):
        return None
    return NO_DEVICE[kinds[0]] if any(map(lineup.has, DeviceKind)) else NO_WORKER


def _served(lineup: Lineup, missing: tuple[DeviceKind, ...]) -> Iterator[tuple[Waiting, _Slot]]:
    """The waiting jobs in the order in which they are served, each with the device that takes it.

    Args:
        missing: kinds of which there is no device, and one is made up.
    """
    busy = Counter((job.kind, job.owner_id) for job in lineup.running)
    slots = _slots(lineup, missing)
    queues = {kind: _by_owner(lineup.waiting, kind) for kind in DeviceKind}
    served: set[ObjectId] = set()
    while slots:
        slot = heapq.heappop(slots)
        if slot.owner_id:
            busy[slot.kind, slot.owner_id] -= 1
        job = _next(queues[slot.kind], served, slot.kind, busy)
        if job is None:
            continue  # whatever waits now is for other devices, and nobody else will come
        served.add(job.id)
        yield job, slot
        busy[slot.kind, job.owner_id] += 1
        typical = lineup.typical_seconds.get(slot.kind)
        certain = slot.certain and typical is not None
        heapq.heappush(slots, _Slot(slot.seconds + (typical or 1.0), slot.number, slot.kind, job.owner_id, certain))


def _slots(lineup: Lineup, missing: tuple[DeviceKind, ...]) -> list[_Slot]:
    slots = [_Slot(0.0, -1 - number, kind, None, False) for number, kind in enumerate(missing)]
    for job in lineup.running:
        left = job.seconds_left
        slots.append(_Slot(left or 0.0, len(slots), job.kind, job.owner_id, left is not None))
    for kind, count in lineup.free.items():
        slots += [_Slot(0.0, len(slots) + number, kind, None, True) for number in range(count)]
    heapq.heapify(slots)
    return slots


_Queue = deque[tuple[int, int, Waiting]]


def _by_owner(waiting: tuple[Waiting, ...], kind: DeviceKind) -> dict[ObjectId, _Queue]:
    """The jobs that a kind of device may take, by owner, in the order of their turns."""
    lined_up = sorted(
        (job.turns.get(kind, -1), number, job) for number, job in enumerate(waiting) if kind in job.choice.kinds
    )
    queues: dict[ObjectId, _Queue] = {}
    for item in lined_up:
        queues.setdefault(item[2].owner_id, deque()).append(item)
    return queues


def _next(
    queues: dict[ObjectId, _Queue], served: set[ObjectId], kind: DeviceKind, busy: Counter[tuple[DeviceKind, ObjectId]]
) -> Waiting | None:
    """Whose turn it is: a user with nothing running on this kind of device goes first."""
    for owner_id, queue in list(queues.items()):
        while queue and queue[0][2].id in served:
            queue.popleft()
        if not queue:
            del queues[owner_id]
    if not queues:
        return None
    _, _, owner_id = min((busy[kind, owner] > 0, queue[0][:2], owner) for owner, queue in queues.items())
    return queues[owner_id].popleft()[2]
