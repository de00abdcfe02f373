"""What the engine counts, for whoever watches."""

from __future__ import annotations

from pathlib import Path

import psutil
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.multiprocess import mark_process_dead

MODEL_SECONDS = Histogram(
    "diyml_model_seconds",
    "Time in the model for one image.",
    ["project_type"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
WAIT_SECONDS = Histogram(
    "diyml_inference_wait_seconds",
    "Time a request waited for its model and its first turn.",
    buckets=(0.001, 0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10),
)
ADMITTED_IMAGES = Gauge(
    "diyml_inference_images", "Images that wait for a model or are in one.", multiprocess_mode="livesum"
)
REFUSED = Counter(
    "diyml_inference_refused",
    "Requests refused: full (too many images wait), caller (one has too many under way), rate (one sends too many).",
    ["reason"],
)
CACHE_HITS = Counter("diyml_model_cache_hits", "Requests whose model was in memory.")
MODEL_LOADS = Counter("diyml_model_loads", "Models brought into memory, or tried to.", ["result"])


def forget_the_dead(folder: Path) -> None:
    """Of processes that were killed, forget what was under way; what they have counted stays.

    Args:
        folder: in which the processes of this machine count.
    """
    for file in folder.glob("gauge_live*_*.db"):
        pid = int(file.stem.rpartition("_")[2])
        if not psutil.pid_exists(pid):
            mark_process_dead(pid, str(folder))
