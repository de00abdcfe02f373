"""Workers without a family around them, so that each can be killed, frozen and replaced by hand."""

from __future__ import annotations

import dataclasses
import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil
from bson import ObjectId
from flask import Flask

from DIYML import create_app
from launch.family import Member
from launch.members import worker_member
from settings import Settings
from storage.job import Job
from storage.store import Store
from tests.conftest import Caller, wait_until
from tests.training.conftest import is_gone, shade, start_training


class Worker:
    """One worker process, with a data folder of its own, and the training it runs."""

    def __init__(self, settings: Settings, folder: Path):
        settings = dataclasses.replace(settings, data_dir=folder)
        self.member: Member = worker_member(settings, folder / "worker.log")
        self.member.spawn()
        assert self.member.process is not None
        self.pid = self.member.process.pid

    def trainings(self) -> list[psutil.Process]:
        """Its training processes that live."""
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.pid).children()
            return [child for child in children if not is_gone(child) and "training.run" in child.cmdline()]
        return []

    def signal_all(self, number: int) -> None:
        """Send a signal to the worker's process group and to that of its training."""
        for pid in (self.pid, *(training.pid for training in self.trainings())):
            with suppress(ProcessLookupError):
                os.killpg(pid, number)

    def kill(self) -> None:
        """`kill -9` of the worker and of its training."""
        self.signal_all(signal.SIGKILL)
        self.member.sweep()

    def stop(self) -> None:
        """SIGTERM, and wait for the end."""
        self.signal_all(signal.SIGCONT)
        self.member.signal(signal.SIGTERM)
        wait_until(self.member.ended, 60)
        self.member.sweep()


class Site:
    """A store, an application to call, and workers."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.app: Flask = create_app(settings)
        self.store = Store(settings)
        self.store.prepare()
        self.workers: list[Worker] = []
        self._hired = 0

    def caller(self, name: str) -> Caller:
        """A new user."""
        return Caller(self.app.test_client(), name)

    def hire(self, count: int = 1) -> None:
        """Start workers."""
        for _ in range(count):
            self._hired += 1
            folder = self.settings.data_dir / f"worker-{self._hired}"
            folder.mkdir(parents=True)
            self.workers.append(Worker(self.settings, folder))

    def holder(self, job_id: ObjectId) -> Worker | None:
        """The worker whose process trains this job now."""
        name = self.store.jobs.get(job_id).worker
        pid = int(name.split("/")[2]) if name else None
        return next((worker for worker in self.workers if worker.pid == pid), None)

    def dismiss(self, worker: Worker, how: str = "kill") -> None:
        """End a worker; it is not replaced."""
        self.workers.remove(worker)
        getattr(worker, how)()

    def close(self) -> None:
        """End everything."""
        for worker in self.workers:
            worker.kill()
        self.app.extensions["diyml"].services.store.close()
        self.store.close()


def shades(caller: Caller, name: str, images: int = 6) -> str:
    """A classification project of dark and bright pictures."""
    caller.project(name, "classification", "dark|bright")
    for number in range(images):
        label, value = ("dark", 50) if number % 2 else ("bright", 200)
        assert caller.place(name, f"{number}.png", label, shade(value, number)).status_code == 200
    return name


def trained(site: Site, caller: Caller, project: str, epochs: int) -> ObjectId:
    """Start a training and wait until its process does epochs."""
    job_id = start_training(caller, project, epochs, batch=16)
    wait_until(lambda: site.store.jobs.get(job_id).epoch >= 1, 120)
    return job_id


def when_ended(site: Site, job_id: ObjectId, seconds: float = 120) -> Job:
    """The job once it has ended."""

    def ended() -> Job | None:
        job = site.store.jobs.get(job_id)
        return job if job.state.ended else None

    job: Job = wait_until(ended, seconds)
    return job
