"""What the engine counts, for whoever watches."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

MODEL_SECONDS = Histogram(
    "diyml_model_seconds",
    "Time in the model for one image.",
    ["project_type"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
WAIT_SECONDS = Histogram(
    "diyml_inference_wait_seconds",
    "Time an image waited for its turn.",
    buckets=(0.001, 0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10),
)
ADMITTED_IMAGES = Gauge(
    "diyml_inference_images", "Images that wait for a model or are in one.", multiprocess_mode="livesum"
)
REFUSED = Counter("diyml_inference_refused", "Requests refused because too many images waited.")
CACHE_HITS = Counter("diyml_model_cache_hits", "Images whose model was in memory.")
MODEL_LOADS = Counter("diyml_model_loads", "Models brought into memory, or tried to.", ["result"])
