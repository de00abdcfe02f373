"""The process calls, as real processes: the last line of standard output, and the exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.moodle.data import labelled, samples


def _call(name: str, *arguments: object) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", f"moodlemlbackend.{name}", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "DIYML_MOODLE_VERSION": "3.0.5"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert not done.stdout or done.stdout.endswith("\n")
    return done.returncode, (done.stdout.splitlines() or [""])[-1]


def test_a_model_is_trained_asked_evaluated_and_moved_by_processes(tmp_path: Path):
    data, rows, models = tmp_path / "data.csv", tmp_path / "rows.csv", tmp_path / "models"
    data.write_bytes(labelled(40))
    rows.write_bytes(samples(3)[0])
    status, line = _call("prediction", "../id", models, rows)
    assert (status, json.loads(line)["status"]) == (2, 2)
    assert _call("export", "../id", models, tmp_path / "out") == (1, "")
    status, line = _call("training", "../id", models, data)
    assert (status, json.loads(line)) == (0, {"status": 0, "info": []})
    status, line = _call("prediction", "../id", models, rows)
    assert status == 0
    predicted = json.loads(line)["predictions"]
    assert len(predicted) == 3
    status, line = _call("evaluation", "../id", models, data, 1, 0, 2)
    answer = json.loads(line)
    assert status == answer["status"]
    assert isinstance(answer["runid"], int)
    status, line = _call("evaluation", "../id", tmp_path / "others", data, 0.5, 0.5, 2, models)
    assert (status, json.loads(line)["status"]) == (0, 0)
    assert _call("export", "../id", models, tmp_path / "out") == (0, str(tmp_path / "out"))
    assert _call("import", "new", models, tmp_path / "out") == (0, "Ok")
    assert json.loads(_call("prediction", "new", models, rows)[1])["predictions"] == predicted
    assert {path.name for path in tmp_path.iterdir()} == {"data.csv", "rows.csv", "models", "others", "out"}


def test_missing_arguments_and_bad_files_are_told_in_the_answer(tmp_path: Path):
    for name in ("training", "prediction", "evaluation"):
        status, line = _call(name)
        assert (status, json.loads(line)["status"]) == (1, 1)
        assert "ID DIR FILE" in json.loads(line)["info"][0]
    status, line = _call("training", "m", tmp_path, tmp_path / "none.csv")
    assert (status, "there is no file" in json.loads(line)["info"][0]) == (1, True)
    (tmp_path / "pickle").mkdir()
    (tmp_path / "pickle" / "model.pkl").write_bytes(b"\x80\x04\x95.")
    assert _call("import", "m", tmp_path, tmp_path / "pickle") == (1, "")


def test_settings_and_folders_that_cannot_be_used_are_told_in_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    data = tmp_path / "data.csv"
    data.write_bytes(labelled(9))
    assert _call("training", "m", tmp_path / "models", data)[0] == 0
    assert _call("export", "m", tmp_path / "models", data) == (1, "")
    monkeypatch.setenv("DIYML_MOODLE_SECONDS", "soon")
    status, line = _call("training", "m", tmp_path / "models", data)
    assert (status, json.loads(line)["status"]) == (1, 1)
    assert "DIYML_MOODLE_SECONDS" in json.loads(line)["info"][0]


def test_the_version_is_printed():
    assert _call("version") == (0, "3.0.5")
