"""A model as MLflow keeps models: a folder with `MLmodel`, which plain MLflow opens as ONNX and as pyfunc.

The format: https://mlflow.org/docs/latest/model.html. Nothing in it is a pickle or code.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from utils import utc_now

FOLDER, MODEL, CARD = "model", "model/MLmodel", "card.json"
ONNX_FILE = "model.onnx"
ONNX = f"{FOLDER}/{ONNX_FILE}"
_LOADER = "mlflow.onnx"
_FLAVOURS = frozenset({"onnx", "python_function"})
_PINNED = ("onnx", "onnxruntime", "numpy")


def write_package(folder: Path, onnx_path: Path, run_id: str, card: dict[str, Any]) -> None:
    """Write what stands beside the ONNX file.

    Args:
        folder: becomes the model's folder; it is there already.
        card: `libraries` are those that the model was made with.
    """
    libraries = dict(card.get("libraries") or {})
    python = libraries.get("python", "3.11")
    pins = ["mlflow", *(f"{name}=={libraries[name]}" for name in _PINNED if name in libraries)]
    described = {
        "artifact_path": FOLDER,
        "flavors": {
            "onnx": {
                "code": None,
                "data": ONNX_FILE,
                "onnx_version": libraries.get("onnx", ""),
                "onnx_session_options": None,
                "providers": ["CPUExecutionProvider"],
            },
            "python_function": {
                "data": ONNX_FILE,
                "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
                "loader_module": _LOADER,
                "python_version": python,
            },
        },
        "metadata": {"diyml_project_type": card.get("project_type"), "diyml_onnx_sha256": card.get("onnx_sha256")},
        "run_id": run_id,
        "signature": signature(onnx_path),
        "utc_time_created": utc_now().strftime("%Y-%m-%d %H:%M:%S.%f"),
    }
    conda = {"name": "mlflow-env", "dependencies": [f"python={python}", "pip", {"pip": pins}]}
    environment = {"python": python, "dependencies": ["-r requirements.txt"]}
    for name, document in (("MLmodel", described), ("conda.yaml", conda), ("python_env.yaml", environment)):
        (folder / name).write_text(yaml.safe_dump(document, sort_keys=True, allow_unicode=True))
    (folder / "requirements.txt").write_text("\n".join(pins) + "\n")


def signature(onnx_path: Path) -> dict[str, Any]:
    """Inputs and outputs as MLflow names them: tensors with their types; -1 is any length."""
    import onnx

    graph = onnx.load(onnx_path, load_external_data=False).graph
    given = {tensor.name for tensor in graph.initializer}
    inputs = [_tensor(value) for value in graph.input if value.name not in given]
    outputs = [_tensor(value) for value in graph.output]
    return {"inputs": json.dumps(inputs), "outputs": json.dumps(outputs), "params": None}


def _tensor(value: Any) -> dict[str, Any]:
    from onnx.helper import tensor_dtype_to_np_dtype

    tensor = value.type.tensor_type
    shape = [dim.dim_value if dim.HasField("dim_value") else -1 for dim in tensor.shape.dim]
    dtype = str(tensor_dtype_to_np_dtype(tensor.elem_type)) if tensor.elem_type else "object"
    return {"name": value.name, "type": "tensor", "tensor-spec": {"dtype": dtype, "shape": shape}}


def foreign_flavours(content: bytes) -> list[str]:
    """What of an `MLmodel` file is no plain ONNX model, in words; empty for a folder such as `write_package` makes."""
    try:
        described = yaml.safe_load(content)
        flavours = dict(described["flavors"])
        function = dict(flavours.get("python_function") or {"loader_module": _LOADER})
        native = dict(flavours.get("onnx") or {})
    except (yaml.YAMLError, ValueError, KeyError, TypeError, RecursionError):
        return ["an MLmodel file that cannot be read"]
    found = sorted(str(name)[:50] for name in set(flavours) - _FLAVOURS)
    if "onnx" not in flavours:
        found.append("no ONNX file")
    elif native.get("data") != ONNX_FILE:
        found.append("an ONNX file of another name")
    if function.get("loader_module") != _LOADER:
        found.append(f"python_function by {str(function.get('loader_module'))[:50]}")
    if function.get("code") or native.get("code"):
        found.append("code of its own")
    return found
