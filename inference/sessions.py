"""The one place where an ONNX Runtime session is made."""

from __future__ import annotations

from pathlib import Path

import onnxruntime


def open_session(model: bytes | Path, threads: int = 0) -> onnxruntime.InferenceSession:
    """Open an ONNX model on CUDA when this build and machine have it, else on the CPU.

    Args:
        model: the file's content, or its path.
        threads: threads of one run; 0 is one a physical core.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads of an idle session otherwise spin and take the cores from the next session.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
    available = onnxruntime.get_available_providers()
    source = str(model) if isinstance(model, Path) else model
    return onnxruntime.InferenceSession(source, options, providers=[name for name in wanted if name in available])
