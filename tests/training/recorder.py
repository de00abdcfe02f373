"""A report that remembers what it was told."""

from __future__ import annotations

from pathlib import Path


class Recorder:
    """`training.protocol.Report`, for a training that nobody interrupts."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.epochs: list[float] = []
        self.metrics: list[dict[str, float]] = []
        self.checkpoints: list[tuple[Path, int]] = []
        self.resumed_from: int | None = None
        self.is_keepable = False

    def log(self, line: str) -> None:
        self.lines.append(line)

    def progress(self, epoch: float, epochs: int, metrics: dict[str, float] | None = None) -> None:
        self.epochs.append(epoch)
        if metrics is not None:
            self.metrics.append(metrics)

    def checkpoint(self, path: Path, epoch: int) -> None:
        self.checkpoints.append((path, epoch))

    def resumed(self, epoch: int) -> None:
        self.resumed_from = epoch

    def keepable(self) -> None:
        self.is_keepable = True

    def stopping(self) -> bool:
        return False


class Breaking(Recorder):
    """Ends the training when it hands over the checkpoint of this number."""

    class Off(Exception):
        pass

    def __init__(self, after: int):
        super().__init__()
        self._after = after

    def checkpoint(self, path: Path, epoch: int) -> None:
        super().checkpoint(path, epoch)
        if len(self.checkpoints) == self._after:
            raise self.Off
