"""A published model in, predictions out: ONNX sessions, cache, pre- and post-processing. No torch in here."""

from environments import configure_libraries

configure_libraries(ORT_DISABLE_TELEMETRY="1")
