"""A published model in, predictions out: ONNX sessions, cache, pre- and post-processing. No torch in here."""

from utils import configure_libraries

# ONNX Runtime reads this when it is imported; without it, it keeps a device id in the user's home and reports usage.
configure_libraries(ORT_DISABLE_TELEMETRY="1")
