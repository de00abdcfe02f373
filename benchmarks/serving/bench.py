"""What all parts share: models, images, the platform, the baselines, and one way to put load on any of them."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.serving import platform
from benchmarks.serving.loads import Seen, between, run
from benchmarks.serving.models import ServedModel
from benchmarks.serving.plan import Plan
from benchmarks.serving.platform import Platform
from benchmarks.serving.program import HOST, ROOT, Process, Program, free_port

FLASK_WORKERS = 2


@dataclass(frozen=True)
class Extent:
    """How long to measure; everything is shorter for a quick look."""

    quick: bool

    def of(self, full: float, quick: float) -> float:
        """One of the two."""
        return quick if self.quick else full

    def count(self, full: int, quick: int) -> int:
        """One of the two."""
        return quick if self.quick else full


@dataclass
class Bench:
    """One run of the benchmark.

    Attributes:
        folder: for everything that is thrown away afterwards.
        models_folder: of all models.
        only: names of the models that were asked for; empty when none was named.
    """

    extent: Extent
    folder: Path
    models_folder: Path
    images: list[Path]
    models: dict[str, ServedModel]
    only: tuple[str, ...] = ()
    users: int = platform.USERS
    _open: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _platform: Platform | None = None
    _paths: dict[str, str] = field(default_factory=dict)

    def platform(self) -> Platform:
        """The platform that most parts share; started when first asked for."""
        if self._platform is None:
            # Models of the one before are of no use to the next.
            folder = Path(tempfile.mkdtemp(prefix="shared-", dir=self.folder))
            self._platform = self._open.enter_context(platform.running(folder, self.users))
        return self._platform

    def close(self) -> None:
        """Stop the platform that parts share; whoever asks for it later gets a new one."""
        self._platform = None
        self._paths.clear()
        self._open.close()
        self._open = contextlib.ExitStack()

    def path(self, model: ServedModel) -> str:
        """Of a model's predictions on the shared platform; published when first asked for."""
        if model.name not in self._paths:
            self._paths[model.name] = self.platform().publish_model(model)
        return self._paths[model.name]

    def plan(self, model: ServedModel, **more: Any) -> Plan:
        """A load of all images on a model of the shared platform, its callers different users."""
        shared = self.platform()
        return self.plan_for(shared.port, self.path(model), tokens=shared.tokens, **more)

    def plan_for(self, port: int, path: str, **more: Any) -> Plan:
        """A load of all images on one path of any server."""
        items = [(0, number) for number in range(len(self.images))]
        return Plan(HOST, port, [path], [str(image) for image in self.images], items=items, **more)

    def warm(self, model: ServedModel) -> None:
        """See that the shared platform has the model in memory, in all of its processes."""
        outcome = run(self.plan(model, callers=16, count=64, seconds=120, persist=True))
        if 200 not in outcome.status:
            raise RuntimeError(f"{model.title}: no prediction, but {sorted(set(outcome.status))}")

    def flask(self) -> Program:
        """The plain view over all models."""
        target = f"benchmarks.serving.baselines.flask_view:create_app('{self.models_folder}')"
        port = free_port()
        # No limit of time, since it is held still while others are measured.
        options = ["--workers", str(FLASK_WORKERS), "--bind", f"{HOST}:{port}", "--timeout", "0", "--no-control-socket"]
        command = [sys.executable, "-m", "gunicorn", *options, target]
        return Program("Flask", command, port, "/health", self.folder / "flask.log")

    def litserve(self, model: ServedModel, workers: int, fast_queue: bool = False) -> Program:
        """One model behind LitServe."""
        port = free_port()
        command = [sys.executable, "-m", "benchmarks.serving.baselines.lit", str(model.folder), str(port), str(workers)]
        name = f"LitServe, {workers} worker{'s' if workers > 1 else ''}{', fast queue' if fast_queue else ''}"
        log = self.folder / "litserve.log"
        return Program(name, [*command, *(["--fast-queue"] if fast_queue else [])], port, "/health", log)

    def bare(self, model: ServedModel, seconds: float) -> dict[str, Any]:
        """The session alone; see `baselines.bare.measure`."""
        command = [sys.executable, "-m", "benchmarks.serving.baselines.bare", str(model.folder), str(seconds)]
        told = subprocess.run([*command, *map(str, self.images)], cwd=ROOT, check=True, capture_output=True)
        return json.loads(told.stdout)


def measured(plan: Plan, warm_up: float, seconds: float) -> Seen:
    """Put a load on a server and look at what came after the warm-up."""
    return between(run(dataclasses.replace(plan, seconds=warm_up + seconds)), warm_up, warm_up + seconds)


@contextlib.contextmanager
def alone(processes: list[Process], one: Process | None) -> Iterator[None]:
    """Hold all but one of them still while the block runs."""
    for process in processes:
        if process is not one:
            process.pause()
    if one:
        one.resume()
    try:
        yield
    finally:
        for process in processes:
            process.resume()
