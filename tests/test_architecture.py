"""The house rules that a machine can hold: who imports whom, what an import may do, how long things may be."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from datasets.registry import IMAGES, KINDS, LABEL_FORMATS
from inference.registry import PREDICTORS
from tests.conftest import ROOT
from training.registry import TRAINERS

TRAINING = {
    "alerts", "tracking", "notifications", "inference", "datasets", "storage", "environments", "settings", "utils",
}  # fmt: skip
# Each room with the rooms it may import.
BELOW = {
    "api": {
        "moodle",
        "streams",
        "training",
        "tracking",
        "alerts",
        "notifications",
        "inference",
        "datasets",
        "storage",
        "environments",
        "settings",
        "utils",
    },
    "streams": {"alerts", "training", "inference", "datasets", "storage", "environments", "settings", "utils"},
    "moodlemlbackend": {"api", "moodle", "launch", "storage", "environments", "settings", "utils"},
    "moodle": {"training", "inference", "datasets", "storage", "environments", "settings", "utils"},
    "training": TRAINING,
    "alerts": {"notifications", "inference", "storage", "environments", "settings", "utils"},
    "tracking": {"storage", "environments", "settings", "utils"},
    "notifications": {"storage", "environments", "settings", "utils"},
    "inference": {"datasets", "storage", "environments", "settings", "utils"},
    "datasets": {"storage", "environments", "settings", "utils"},
    "storage": {"environments", "settings", "utils"},
    "environments": {"settings", "utils"},
    "settings": {"utils"},
    "utils": set(),
    # It is installed without the rest, so it knows nothing of it.
    "diyml_client": set(),
}
ROOMS = {*BELOW, "launch", "DIYML"}
MACHINERY = {"pymongo", "bson", "gridfs", "numpy", "celery", "kombu", "torch", "PIL", "cv2", "onnxruntime", "bcrypt"}
# Foreign packages that a room never imports, not even inside a function.
NEVER = {
    "api": MACHINERY,
    "training": {"flask", "flask_restful", "werkzeug"},
    "streams": {"flask", "flask_restful", "werkzeug", "torch", "celery"},
    "moodle": {"flask", "flask_restful", "werkzeug", "torch", "pymongo", "gridfs", "bson"},
    "alerts": {"flask", "flask_restful", "werkzeug", "requests", "torch", "pymongo", "gridfs"},
    "notifications": {"flask", "flask_restful", "werkzeug", "requests", "torch", "pymongo", "gridfs"},
    "tracking": {"flask", "flask_restful", "werkzeug", "torch", "pymongo", "gridfs", "mlflow"},
    "inference": {"flask", "flask_restful", "werkzeug", "torch", "ultralytics", "sklearn", "pymongo"},
    "datasets": {"flask", "flask_restful", "werkzeug", "torch", "pymongo", "gridfs"},
    "storage": {"flask", "flask_restful", "werkzeug", "torch", "numpy", "PIL"},
    "settings": {"flask", "pymongo", "numpy", "torch"},
    "utils": {"flask", "pymongo", "numpy", "torch"},
    "diyml_client": {"flask", "flask_restful", "werkzeug", "pydantic", "psutil", *MACHINERY},
}
CLIENT_NEEDS = {"click", "requests", "rich"}
READS_THE_ENVIRONMENT = {"settings.py", "environments.py", "diyml_client/config.py"}
ALLOWED = {("api/platform.py", "celery")}  # the type of the queue that it hands to the resources
MOST_FILE_LINES = 400
MOST_FUNCTION_LINES = 50

LOOK = """
import json, os, sys
done = []
def watch(event, arguments):
    if event in ("socket.connect", "socket.bind", "subprocess.Popen", "os.mkdir", "os.remove", "os.rename", "os.fork"):
        done.append([event, str(arguments)])
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        done.append([event, str(arguments[0])])
sys.addaudithook(watch)
import DIYML
print(json.dumps({"modules": sorted(sys.modules), "done": done}))
"""


def _sources(*rooms: str) -> list[Path]:
    found = (path for room in rooms for path in [ROOT / f"{room}.py", *(ROOT / room).rglob("*.py")])
    return sorted(path for path in found if path.exists())


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module or ""


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What `import DIYML` loaded and did, seen by a fresh interpreter in a folder of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "MONGO_URI": ""}
    folder = tmp_path_factory.mktemp("elsewhere")
    run = subprocess.run(
        [sys.executable, "-c", LOOK], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return {**json.loads(run.stdout), "left": [path.name for path in folder.iterdir()]}


@pytest.mark.parametrize("room", BELOW)
def test_a_room_imports_only_what_lies_below_it(room: str):
    for path in _sources(room):
        wrong = {name for name in _imports(path) if name.split(".")[0] in ROOMS - BELOW[room] - {room}}
        assert not wrong, f"{_name(path)} imports {wrong}"


@pytest.mark.parametrize("room", NEVER)
def test_a_room_never_imports_what_is_another_rooms_trade(room: str):
    for path in _sources(room):
        packages = {name.split(".")[0] for name in _imports(path)} & NEVER[room]
        wrong = {package for package in packages if (_name(path), package) not in ALLOWED}
        assert not wrong, f"{_name(path)} imports {wrong}"


def test_ultralytics_stays_where_its_licence_is_named():
    users = {_name(path) for path in _sources(*ROOMS) if "ultralytics" in {n.split(".")[0] for n in _imports(path)}}
    assert users
    assert all(name.startswith("training/detection") for name in users)


def test_nothing_is_pickled_and_the_environment_is_read_in_one_place():
    for path in _sources(*ROOMS):
        tree = ast.parse(path.read_text())
        assert not {"pickle", "marshal", "shelve"} & set(_imports(path)), _name(path)
        used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & {"environ", "getenv"}
        assert not used or _name(path) in READS_THE_ENVIRONMENT, f"{_name(path)} reads the environment"


def test_the_client_needs_what_its_package_says_and_nothing_else():
    for path in _sources("diyml_client"):
        packages = {name.split(".")[0] for name in _imports(path)} - {"diyml_client"} - sys.stdlib_module_names
        assert packages <= CLIENT_NEEDS, f"{_name(path)} imports {packages}"
    stated = (ROOT / "diyml_client" / "pyproject.toml").read_text().split("dependencies = [")[1].split("]")[0]
    assert {item.strip().strip('"').split(">=")[0] for item in stated.split(",")} == CLIENT_NEEDS


@pytest.mark.parametrize(
    "package", ["torch", "torchvision", "ultralytics", "sklearn", "scipy", "matplotlib", "onnxruntime", "onnx", "cv2"]
)
def test_importing_the_application_loads_no_library_for_models(imported: dict, package: str):
    assert package not in imported["modules"]


@pytest.mark.parametrize(
    ("module", "without"),
    [
        ("launch.cli", {"pymongo", "cryptography", "numpy"}),
        ("launch.web", {"pymongo", "cryptography", "numpy", "flask"}),
        ("moodlemlbackend.webapp", {"celery", "PIL", "sklearn", "scipy", "onnx", "onnxruntime"}),
    ],
)
def test_what_stays_for_long_has_not_loaded_what_it_does_without(module: str, without: set[str]):
    look = f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    run = subprocess.run([sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not without & set(run.stdout.split())


def test_importing_the_application_does_nothing_to_the_outside(imported: dict):
    assert imported["done"] == []
    assert imported["left"] == []


def test_every_project_type_has_a_kind_of_data_and_those_of_images_have_labels():
    assert set(TRAINERS) == set(PREDICTORS) >= {"classification", "detection", "tabular"}
    assert set(KINDS) == set(TRAINERS)
    assert {name for name, kind in KINDS.items() if kind is IMAGES} == set(LABEL_FORMATS)


def test_no_code_outside_the_registries_branches_on_a_project_type():
    for path in _sources("api", "datasets", "storage", "launch"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare):
                compared = {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)}
                assert not compared & {"classification", "detection", "tabular"}, f"{_name(path)}:{node.lineno}"


@pytest.mark.parametrize("path", _sources(*ROOMS, "demo", "benchmarks", "tests"), ids=_name)
def test_files_and_functions_are_short(path: Path):
    text = path.read_text()
    assert len(text.splitlines()) <= MOST_FILE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= MOST_FUNCTION_LINES, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("room", sorted(ROOMS - {"environments", "settings", "utils", "DIYML"}))
def test_what_is_installed_and_the_image_hold_every_room(room: str):
    assert f'"{room}"' in (ROOT / "setup.py").read_text().split("ROOMS = ")[1].split("]")[0]
    assert f"COPY {room} /app/{room}\n" in (ROOT / "deploy" / "Dockerfile").read_text()
    assert f"!{room}\n" in (ROOT / "deploy" / "Dockerfile.dockerignore").read_text()
