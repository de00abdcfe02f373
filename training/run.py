"""The training process: one job, one process. Reads its folder, writes its folder, speaks through one pipe.

It hears its supervisor on its standard input: a line asks it to end early, the end of input to end at once.
It knows no database, broker or secret. Started by the supervisor as `python -m training.run FOLDER EVENTS_FD`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from datasets.registry import KINDS
from storage.device import DeviceKind
from training.confinement import confine
from training.environment import environment
from training.process_tree import ProcessTree
from training.protocol import Report, TrainedModel, TrainingFailed, Workspace
from training.registry import TRAINERS

SPEC, DATASET, RESULT = "spec.json", "dataset.json", "result.json"
TRAIN, QUANTIZE, LOAD = "train", "quantize", "load"
EXIT_FAILED = 3


class PipeReport:
    """`training.protocol.Report` over a pipe: one JSON object a line."""

    def __init__(self, events_fd: int):
        self._events = os.fdopen(events_fd, "w", buffering=1)
        self._stopping = threading.Event()

    def log(self, line: str) -> None:
        """See `Report.log`."""
        self.send(log=str(line))

    def progress(self, epoch: float, epochs: int, metrics: dict[str, float] | None = None) -> None:
        """See `Report.progress`."""
        values = None if metrics is None else {name: float(value) for name, value in metrics.items()}
        self.send(epoch=float(epoch), epochs=int(epochs), metrics=values)

    def checkpoint(self, path: Path, epoch: int) -> None:
        """See `Report.checkpoint`."""
        self.send(checkpoint=str(path), epoch=int(epoch))

    def resumed(self, epoch: int) -> None:
        """See `Report.resumed`."""
        self.send(resumed=int(epoch))

    def keepable(self) -> None:
        """See `Report.keepable`."""
        self.send(keepable=True)

    def stopping(self) -> bool:
        """See `Report.stopping`."""
        return self._stopping.is_set()

    def ask_to_stop(self) -> None:
        """Let the trainer find that it is asked to end early."""
        self._stopping.set()

    def send(self, **event: Any) -> None:
        """Send one event."""
        self._events.write(json.dumps(event) + "\n")


def main(arguments: list[str]) -> int:
    """Train what the folder describes; the exit status is 0, or EXIT_FAILED with the reason sent before."""
    folder, report = Path(arguments[0]), PipeReport(int(arguments[1]))
    spec = json.loads((folder / SPEC).read_text())
    confine(spec["niceness"])
    threading.Thread(target=_hear_supervisor, args=(report, str(folder)), daemon=True).start()
    workspace = Workspace(
        folder=folder / "work",
        weights_path=Path(spec["weights_path"]),
        download_weights=spec["download_weights"],
        yolo_model=spec["yolo_model"],
        checkpoint=Path(spec["checkpoint"]) if spec["checkpoint"] else None,
        checkpoint_seconds=spec["checkpoint_seconds"],
        stop_seconds=spec["stop_seconds"],
    )
    workspace.folder.mkdir()
    try:
        _see_device(spec["device"])
        report.send(environment=environment())
        model = TASKS[spec["task"]](spec, KINDS[spec["project_type"]].read_dataset(folder / DATASET), workspace, report)
        _write_result(folder / RESULT, model)
    except TrainingFailed as failure:
        report.send(failed=str(failure))
        return EXIT_FAILED
    except Exception as error:  # whatever a library raises becomes the job's reason; the traceback is kept
        traceback.print_exc()
        report.send(failed=f"the training stopped with an unexpected error: {type(error).__name__}: {error}")
        return EXIT_FAILED
    return 0


def _train(spec: dict[str, Any], dataset: Any, workspace: Workspace, report: Report) -> TrainedModel:
    trainer = TRAINERS[spec["project_type"]]
    return trainer.fit(dataset, trainer.Params(**spec["params"]), workspace, report)


def _quantize(spec: dict[str, Any], dataset: Any, workspace: Workspace, report: Report) -> TrainedModel:
    from training.quantization.run import Quantization, Source

    return Quantization(dataset, Source.of(spec["source"], **spec["params"]), workspace, report).run()


def _load(spec: dict[str, Any], dataset: Any, workspace: Workspace, report: Report) -> TrainedModel:
    from training.loading.run import load

    return load(dataset, spec["source"], workspace, report)


# What a job may be, by the name that its supervisor gives.
TASKS: dict[str, Callable[[dict[str, Any], Any, Workspace, Report], TrainedModel]] = {
    TRAIN: _train,
    QUANTIZE: _quantize,
    LOAD: _load,
}


def _see_device(kind: str) -> None:
    """Trainers take the GPU they see, else the CPU; the job's record says GPU, so without one nothing is trained.

    Raises:
        TrainingFailed: PyTorch cannot use the GPU that this process was given.
    """
    if kind == DeviceKind.GPU.value:
        import torch

        if not torch.cuda.is_available():
            raise TrainingFailed(
                "the worker's GPU does not answer any more: tell whoever runs the platform, or train on the CPU"
            )


def _write_result(path: Path, model: TrainedModel) -> None:
    result = {
        "onnx": str(model.onnx_path),
        "weights": str(model.weights_path) if model.weights_path else None,
        "card": model.card.model_dump(mode="json"),
        "artifacts": [str(artifact) for artifact in model.artifacts],
    }
    path.write_text(json.dumps(result))


def _hear_supervisor(report: PipeReport, mark: str) -> None:
    """Nobody must train for a supervisor that is gone: its end closes our standard input."""
    while os.read(sys.stdin.fileno(), 1024):
        report.ask_to_stop()
    tree = ProcessTree(os.getpid(), mark)
    tree.look()
    tree.kill_rest()
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    # Libraries leave threads behind that would keep the process from ending; everything is written by now.
    status = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
