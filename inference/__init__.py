"""A published model in, predictions out: ONNX sessions, cache, pre- and post-processing. No torch in here."""
