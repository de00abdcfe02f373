"""What GPUs PyTorch can use here, asked of a process of its own: `python -m training.worker.gpus` prints them as JSON.

Only PyTorch knows which GPUs trainings can use: nvidia-smi also lists those whose driver is too old for it, and
CUDA_VISIBLE_DEVICES has rules of its own. But it costs memory and opens a CUDA context, neither of which a worker that
lives for months should keep, so the process ends with its answer.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

from environments import scrubbed_environment

_ANSWER_SECONDS = 120
_SIGNS = ("/dev/nvidiactl", "/proc/driver/nvidia/version", "/dev/dxg")


@dataclass(frozen=True)
class Gpu:
    """A GPU that PyTorch can use.

    Attributes:
        visible: the CUDA_VISIBLE_DEVICES of a process that shall see no other.
    """

    name: str
    memory_bytes: int
    visible: str


@dataclass(frozen=True)
class Found:
    """GPUs in PyTorch's order, and why there are none, as far as anybody said."""

    gpus: tuple[Gpu, ...]
    said: str = ""


def has_driver() -> bool:
    """Whether anything tells of an NVIDIA driver; without one PyTorch need not be asked."""
    return any(map(_exists, _SIGNS)) or shutil.which("nvidia-smi") is not None


def _exists(path: str) -> bool:
    return Path(path).exists()


def find_gpus() -> Found:
    """Ask PyTorch; takes as long as importing it."""
    try:
        answer = subprocess.run(
            [sys.executable, "-m", "training.worker.gpus"],
            env=scrubbed_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ANSWER_SECONDS,
            check=True,
        )
        found = json.loads(answer.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return Found((), f"PyTorch did not answer within {_ANSWER_SECONDS} s")
    except subprocess.CalledProcessError as error:
        return Found((), f"PyTorch could not be asked: {_last_line(error.stderr)}")
    return Found(tuple(Gpu(**gpu) for gpu in found["gpus"]), found["said"])


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it said nothing")


def main() -> None:
    """Print what PyTorch sees."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gpus = _usable(scrubbed_environment().get("CUDA_VISIBLE_DEVICES"))
    said = next((str(item.message) for item in caught if "CUDA" in str(item.message)), "")
    sys.stdout.write(
        json.dumps({"gpus": [asdict(gpu) for gpu in gpus], "said": said.partition(" (Triggered")[0]}) + "\n"
    )


def _usable(allowed: str | None) -> list[Gpu]:
    """Args: allowed: the operator's CUDA_VISIBLE_DEVICES, whose n-th entry is PyTorch's GPU n."""
    import torch

    if not torch.cuda.is_available():
        return []
    found = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    names = allowed.split(",") if allowed else [str(index) for index in range(len(found))]
    return [Gpu(gpu.name, gpu.total_memory, name.strip()) for gpu, name in zip(found, names, strict=False)]


if __name__ == "__main__":
    main()
