"""Workers whose training processes can be ill, and trainings that are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from bson import ObjectId

from settings import Settings
from tests.conftest import ROOT, Caller
from tests.training.worker.ill import Illness


def start_worker_with_poison(settings: Settings, folder: Path) -> subprocess.Popen[bytes]:
    """A real worker process whose training processes can be ill."""
    interpreter = folder / "poison"
    interpreter.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tests.training.worker.ill "$@"\n')
    interpreter.chmod(0o755)
    program = "import sys; sys.executable = sys.argv[1]; from training.worker.__main__ import main; sys.exit(main())"
    environment = {**os.environ, **settings.to_environment()}
    with (settings.data_dir / "worker.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-c", program, str(interpreter)], cwd=ROOT, env=environment, stdout=log, stderr=log
        )


def start_ill(caller: Caller, project: str, illness: Illness) -> ObjectId:
    """Queue a training that will be ill; gives the job's id."""
    answer = caller.call("PUT", "/train", project_name=project, train_split=0.8, epochs=3, seed=int(illness))
    assert answer.status_code == 200, answer.json
    return ObjectId(answer.json["job_id"])
