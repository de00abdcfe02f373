"""Which job a device takes: only what fits it, and fairly among those who wait for its kind."""

from __future__ import annotations

import functools

import pytest

from storage.device import A_CPU, Device, DeviceChoice, DeviceKind
from storage.job import Job
from storage.job_runs import JobRuns
from storage.store import Store
from tests.storage.test_jobs import PARAMS, a_project, at_once
from tests.storage.test_workers import GPUS

ANY, CPU, GPU = DeviceChoice


def queued(store: Store, owner: str, name: str, choice: DeviceChoice) -> Job:
    return store.jobs.create(a_project(store, owner, name), PARAMS, 3, choice)


def taken(store: Store, device: Device) -> Job:
    job = store.job_runs.claim("w", device)
    assert job
    return job


@pytest.mark.parametrize(("choice", "on_cpu", "on_gpu"), [(ANY, True, True), (CPU, True, False), (GPU, False, True)])
def test_a_device_takes_only_jobs_that_may_run_on_it(
    store: Store, choice: DeviceChoice, on_cpu: bool, on_gpu: bool
) -> None:
    job = queued(store, "ada", "p", choice)
    assert store.jobs.get(job.id).device is choice
    for device, fits in ((A_CPU, on_cpu), (GPUS[0], on_gpu)):
        claimed = store.job_runs.claim("w", device)
        assert (claimed is not None) == fits
        if claimed:
            assert claimed.ran_on == device
            assert store.job_runs.release(claimed, "for the other device")


def test_desks_that_claim_at_once_take_each_job_once_and_none_that_does_not_fit(store: Store) -> None:
    choices = [ANY, CPU, GPU] * 4
    jobs = {queued(store, f"user {n % 5}", f"p{n}", choice).id: choice for n, choice in enumerate(choices)}
    devices = [A_CPU, A_CPU, *GPUS]
    done: list[Job] = []
    while round_ := at_once([functools.partial(store.job_runs.claim, f"w{n}", d) for n, d in enumerate(devices)]):
        got = [job for job in round_ if job]
        if not got:
            break
        for kind in DeviceKind:
            owners = [job.owner_id for job in got if job.ran_on.kind is kind]
            left = set(jobs) - {job.id for job in [*done, *got]}
            waiting = {store.jobs.get(job_id).owner_id for job_id in left if kind in jobs[job_id].kinds}
            assert len(set(owners)) == len(owners) or not waiting - set(owners)
        assert all(store.job_runs.fail(job, "done") for job in got)
        done += got
    assert sorted(job.id for job in done) == sorted(jobs)
    assert all(job.ran_on.kind in jobs[job.id].kinds for job in done)


def test_a_user_who_trains_on_a_gpu_still_has_a_turn_on_the_cpu(store: Store) -> None:
    queued(store, "ada", "on the gpu", GPU)
    taken(store, GPUS[0])
    hers = queued(store, "ada", "on the cpu", CPU)
    others = queued(store, "grace", "later", CPU)
    assert [taken(store, A_CPU).id for _ in range(2)] == [hers.id, others.id]


def test_what_a_user_has_waiting_for_a_gpu_puts_nothing_back_on_the_cpu(store: Store) -> None:
    for number in range(5):
        queued(store, "ada", f"gpu {number}", GPU)
    queued(store, "grace", "g0", CPU)
    taken(store, A_CPU)
    graces = [queued(store, "grace", f"g{number}", CPU).id for number in range(1, 4)]
    hers = queued(store, "ada", "on the cpu", CPU)
    served = [taken(store, A_CPU).id for _ in range(4)]
    assert served.index(hers.id) == 0
    assert served[1:] == graces


def test_a_user_runs_one_job_a_kind_while_others_wait_for_it(store: Store) -> None:
    for number in range(3):
        queued(store, "ada", f"a{number}", GPU)
    first = taken(store, GPUS[0])
    other = queued(store, "grace", "g", ANY)
    assert taken(store, GPUS[1]).id == other.id
    assert taken(store, GPUS[1]).owner_id == first.owner_id


def test_a_claim_never_loops_on_a_user_who_runs_on_another_kind(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    take = JobRuns._take
    monkeypatch.setattr(JobRuns, "_take", lambda *args: looks.append(1) or take(*args))
    queued(store, "ada", "one", GPU)
    queued(store, "ada", "two", CPU)
    assert taken(store, GPUS[0]).owner_id == taken(store, A_CPU).owner_id
    assert len(looks) == 2


def test_jobs_of_an_earlier_version_are_taken_by_any_device_and_first(store: Store) -> None:
    for device in (A_CPU, GPUS[0]):
        queued(store, "ada", f"new {device}", ANY)
        old = queued(store, "ada", f"old {device}", ANY)
        store.database["jobs"].update_one({"_id": old.id}, {"$unset": {"device": "", "turns": ""}})
        assert store.jobs.get(old.id).device is ANY
        assert taken(store, device).id == old.id
