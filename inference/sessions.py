"""The one place where an ONNX Runtime session is made."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Protocol

import onnxruntime

_GPU, _CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


class Session(Protocol):
    """What a predictor needs of a session."""

    def run(self, output_names: list[str], inputs: dict[str, Any]) -> list[Any]:
        """Run the model; safe from many threads."""
        ...


def has_gpu() -> bool:
    """Whether this build of the runtime can use a GPU."""
    return _GPU in onnxruntime.get_available_providers()


def open_session(model: bytes | Path, threads: int = 0) -> onnxruntime.InferenceSession:
    """Open an ONNX model on CUDA when this build and machine have it, else on the CPU.

    Args:
        model: the file's content, or its path.
        threads: threads of one run; 0 is one a physical core.
    """
    _share_memory()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads of a run wait for each other's parts by spinning, which makes it a fifth faster; at its end they stop, or
    # an idle session would take the cores from the next one.
    options.add_session_config_entry("session.intra_op.allow_spinning", "1")
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
    source = str(model) if isinstance(model, Path) else model
    return onnxruntime.InferenceSession(source, options, providers=[_GPU, _CPU] if has_gpu() else [_CPU])


@functools.cache
def _share_memory() -> None:
    """One arena for what all sessions of the process need while they run.

    An arena never gives back what it once had, so with one each, every model would keep the memory of its busiest
    moment: 40 MB for a small detector at 640 px, whose weights are 9 MB.
    """
    grow_as_asked = 1
    arena = {
        "max_mem": 0,
        "arena_extend_strategy": grow_as_asked,
        "initial_chunk_size_bytes": -1,
        "max_dead_bytes_per_chunk": -1,
    }
    kind, use = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, onnxruntime.OrtMemType.DEFAULT
    place = onnxruntime.OrtMemoryInfo("Cpu", kind, 0, use)
    onnxruntime.create_and_register_allocator(place, onnxruntime.OrtArenaCfg(arena))
