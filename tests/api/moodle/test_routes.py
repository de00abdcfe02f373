"""The eight routes, asked as Moodle asks: every status, and what must not happen."""

from __future__ import annotations

import dataclasses
import io
import json
import threading
import zipfile
from pathlib import Path

import pytest
import requests

from launch.cli import main
from tests.api.moodle.conftest import SECONDS, Moodle
from tests.conftest import wait_until
from tests.moodle.data import columns, header, labelled, samples

IDS = {"uniqueid": "model-1", "dirhash": "d1"}
EVALUATION_KEYS = {
    "balanced accuracy", "accuracy", "precision", "recall", "f1_score", "score", "score_deviation", "min_score",
    "accepted_deviation", "runid", "dir", "status", "info", "auc", "auc_deviation",
}  # fmt: skip
NOT_A_NUMBER = (header(["sampleid", *columns(6)], [0, 1]) + "1-0,NaN,0,0,0,0,0\n").encode()
WISH = {"minscore": "0.5", "maxdeviation": "0.5", "niterations": "2"}


def _ids(name: str, folder: str = "d") -> dict[str, str]:
    return {"uniqueid": name, "dirhash": folder}


@pytest.fixture(scope="module")
def trained(backend: Moodle) -> dict[str, str]:
    """The ids of a model that has learned."""
    ids = _ids("trained")
    answer = backend.post("/training", labelled(80), **ids)
    assert (answer.status_code, answer.json()) == (200, {"status": 0, "info": []})
    return ids


def test_the_version_is_bare_and_needs_no_credentials(backend: Moodle):
    for user in (None, ("moodle", "secret"), ("nobody", "wrong")):
        answer = dataclasses.replace(backend, user=user).get("/version")
        assert (answer.status_code, answer.text) == (200, "3.0.5")
    refused = backend.post("/version")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET")


@pytest.mark.parametrize(
    ("user", "told"),
    [
        (None, "No user and/or password included in the request."),
        (("moodle", ""), "No user and/or password included in the request."),
        (("moodle", "wrong"), "Incorrect user and/or password provided by Moodle."),
        (("nobody", "secret"), "Incorrect user and/or password provided by Moodle."),
        (("möödle", "sécret"), "Incorrect user and/or password provided by Moodle."),
    ],
)
def test_every_other_route_needs_credentials(backend: Moodle, user, told: str):
    stranger = dataclasses.replace(backend, user=user)
    for path in ("/training", "/prediction", "/evaluation", "/import", "/deletemodel"):
        answer = stranger.post(path, labelled(20), **IDS)
        assert (answer.status_code, answer.text) == (401, told)
        assert answer.headers["WWW-Authenticate"].startswith("Basic")
    for path in ("/evaluationlog", "/export"):
        assert stranger.get(path, **IDS).status_code == 401


def test_predictions_are_three_texts_a_row(backend: Moodle, trained):
    content, truth = samples(10)
    answer = backend.post("/prediction", content, **trained)
    assert answer.status_code == 200
    assert set(answer.json()) == {"status", "info", "predictions"}
    rows = answer.json()["predictions"]
    assert [row[0] for row in rows] == [f"{place}-0" for place in range(10)]
    assert sum(row[1] == right for row, right in zip(rows, truth, strict=True)) >= 8
    assert all(isinstance(cell, str) for row in rows for cell in row)


def test_parameters_may_stand_in_the_query(backend: Moodle, trained):
    answer = requests.post(
        f"{backend.url}/prediction",
        params=trained,
        files={"dataset": ("x", samples(1)[0])},
        auth=backend.user,
        timeout=SECONDS,
    )
    assert answer.json()["status"] == 0


def test_without_a_model_there_is_no_prediction_and_no_export(backend: Moodle):
    answer = backend.post("/prediction", samples(2)[0], **_ids("none"))
    assert (answer.status_code, answer.json()) == (
        200,
        {"status": 2, "info": ["Provided model have not been trained yet"]},
    )
    answer = backend.get("/export", **_ids("none"))
    assert (answer.status_code, answer.text) == (503, "There is nothing to export.")


def test_training_without_a_sample_of_a_class_learns_nothing(backend: Moodle):
    answer = backend.post("/training", (header(["a", "target"], [0, 1]) + "1,0\n").encode(), **_ids("lone"))
    told = "Training data needs to include samples belonging to all classes"
    assert (answer.status_code, answer.json()) == (200, {"status": 8, "info": [], "errors": told})
    assert backend.get("/export", **_ids("lone")).status_code == 503


def test_an_evaluation_has_every_key_and_leaves_the_model_alone(backend: Moodle, trained):
    before = backend.get("/export", **trained).content
    answer = backend.post("/evaluation", labelled(60), **trained, **WISH)
    assert answer.status_code == 200
    assert set(answer.json()) == EVALUATION_KEYS
    assert answer.json()["status"] == 0
    assert answer.json()["auc"] > 0.8
    assert backend.get("/export", **trained).content == before
    log = backend.get("/evaluationlog", **trained, runid=str(answer.json()["runid"]))
    with zipfile.ZipFile(io.BytesIO(log.content)) as archive:
        assert sorted(archive.namelist()) == ["evaluation.txt", "roc-curve.png"]
        assert archive.read("roc-curve.png").startswith(b"\x89PNG")
        assert b"accuracy" in archive.read("evaluation.txt")


def test_a_trained_model_is_scored_when_it_is_named(backend: Moodle, trained):
    ids = {**trained, "dirhash": "elsewhere"}
    answer = backend.post("/evaluation", labelled(80), **ids, **WISH, trainedmodeldirhash=trained["dirhash"])
    assert answer.json()["accuracy"] > 0.95  # of rows that it was trained on
    answer = backend.post("/evaluation", labelled(80), **ids, **WISH, trainedmodeldirhash="none")
    assert answer.json()["status"] == 2
    assert isinstance(answer.json()["runid"], int)


def test_low_and_varied_scores_are_told(backend: Moodle):
    strict = {"minscore": "1", "maxdeviation": "0", "niterations": "3"}
    noise = labelled(40, seed=3).replace(b",1\n", b",X\n").replace(b",0\n", b",1\n", 9).replace(b",X\n", b",0\n", 9)
    answer = backend.post("/evaluation", noise.replace(b",X\n", b",1\n"), **_ids("noise"), **strict).json()
    assert answer["status"] == 12
    assert len(answer["info"]) == 2


@pytest.mark.parametrize("content", [labelled(9) + b"0,0,0,0,0,0,7\n", labelled(9).replace(b",1\n", b",0\n")])
def test_labels_that_do_not_match_the_header_are_an_evaluation_error_with_a_run(backend: Moodle, content: bytes):
    answer = backend.post("/evaluation", content, **_ids("odd"), **WISH).json()
    assert answer["status"] == 1
    assert "do not match the header" in answer["info"][0]
    log = backend.get("/evaluationlog", **_ids("odd"), runid=str(answer["runid"]))
    assert zipfile.ZipFile(io.BytesIO(log.content)).namelist() == ["evaluation.txt"]


def test_an_unknown_run_has_an_empty_log(backend: Moodle):
    answer = backend.get("/evaluationlog", **IDS, runid="123")
    assert answer.status_code == 200
    assert zipfile.ZipFile(io.BytesIO(answer.content)).namelist() == []
    assert backend.post("/evaluationlog", **IDS, runid="123").status_code == 405


def test_an_exported_model_is_taken_in_whatever_its_files_are_called(backend: Moodle, trained):
    exported = backend.get("/export", **trained)
    assert exported.headers["Content-Type"] == "application/zip"
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(exported.content)) as source, zipfile.ZipFile(packed, "w") as target:
        for place, name in enumerate(reversed(source.namelist())):
            target.writestr(f"folder/{place}.bin", source.read(name))
    copy = _ids("copy")
    answer = backend.post("/import", packed.getvalue(), "importzip", **copy)
    assert (answer.status_code, answer.text) == (200, "Ok")
    content = samples(5)[0]
    assert backend.post("/prediction", content, **copy).json() == backend.post("/prediction", content, **trained).json()
    assert backend.post("/training", labelled(40, seed=5), **copy).json()["status"] == 0


def _zip(**files: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def test_what_diyml_has_not_exported_is_not_taken_in(backend: Moodle, trained):
    good = zipfile.ZipFile(io.BytesIO(backend.get("/export", **trained).content))
    files = {name: good.read(name) for name in good.namelist()}
    card = json.loads(files["model.json"])
    changed, twice = (json.dumps({**card, "classes": names}).encode() for names in (["0", "1", "2"], ["0", "0"]))
    bad = {
        b"no zip": "cannot be read",
        _zip(model=b"\x80\x04\x95."): "no model that DIYML has exported",
        _zip(**files, pickle=b"\x80\x04\x95."): "'pickle' is no part of a model",
        _zip(**{"model.json": files["model.json"]}): "the model is not whole",
        _zip(**{**files, "model.json": b'{"format": "diyml-moodle-1"}'}): "the card of the model has a mistake",
        _zip(**{**files, "model.json": changed}): "the model",
        _zip(**{**files, "model.json": twice}): "a class is named twice",
    }
    for content, told in bad.items():
        answer = backend.post("/import", content, "importzip", **_ids("taken"))
        assert answer.status_code == 400, answer.text
        assert told in answer.text
    assert backend.get("/export", **_ids("taken")).status_code == 503


def test_deleting_takes_everything_of_an_id_and_of_no_other(backend: Moodle):
    names = ["..", ".", "a.b", "a-b", "a/b", "ä", "../trained"]
    for name in names[:3]:
        assert backend.post("/training", labelled(10), **_ids(name)).json()["status"] == 0
    for name in names[3:]:
        assert backend.post("/prediction", samples(1)[0], **_ids(name)).json()["status"] == 2
    for _ in range(2):
        answer = backend.post("/deletemodel", uniqueid="..")
        assert (answer.status_code, answer.text) == (200, "Ok")
    statuses = [backend.post("/prediction", samples(1)[0], **_ids(name)).json()["status"] for name in names[:3]]
    assert statuses == [2, 0, 0]


@pytest.mark.parametrize(
    ("path", "form", "file", "told"),
    [
        ("/training", {"dirhash": "d"}, labelled(9), "uniqueid is missing"),
        ("/training", {"uniqueid": "m"}, labelled(9), "dirhash is missing"),
        ("/training", IDS, None, "dataset is missing"),
        ("/training", IDS, b"", "empty or cut short"),
        ("/training", {**IDS, "uniqueid": "x" * 256}, labelled(9), "256 characters"),
        ("/training", IDS, labelled(9).replace(b",1\n", b",x\n", 1), "the target holds 'x'"),
        ("/prediction", _ids("trained"), samples(1, features=5)[0], "trained on 6 features, this file has 5"),
        ("/prediction", _ids("trained"), b"\xff\xff", "no CSV"),
        ("/prediction", _ids("trained"), NOT_A_NUMBER, "wanted is a finite number, got 'NaN'"),
        ("/training", IDS, b"targetclasses\n" + b"[" * 100_000 + b"\na,target\n1,0\n", "must be a JSON list"),
        ("/evaluation", {**IDS, **WISH, "minscore": "nan"}, labelled(9), "minscore must be a number from 0 to 1"),
        ("/evaluation", {**IDS, **WISH, "niterations": "0"}, labelled(9), "niterations must be 1..1000"),
        ("/evaluation", {**IDS, "minscore": "0"}, labelled(9), "maxdeviation is missing"),
    ],
)
def test_bad_input_is_told_in_one_short_sentence(backend: Moodle, trained, path, form, file, told):
    answer = backend.post(path, file, **form)
    assert answer.status_code == 400, answer.text
    assert told in answer.text
    assert len(answer.text) < 400
    assert not answer.text.startswith(("{", "<"))


def test_two_trainings_of_one_model_at_once_both_count(backend: Moodle):
    ids, answers = _ids("twice"), []
    threads = [
        threading.Thread(
            target=lambda seed=seed: answers.append(backend.post("/training", labelled(20, seed=seed), **ids))
        )
        for seed in (1, 2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert [answer.json()["status"] for answer in answers] == [0, 0]
    card = zipfile.ZipFile(io.BytesIO(backend.get("/export", **ids).content)).read("model.json")
    assert [training["rows"] for training in json.loads(card)["trainings"]] == [20, 20]


def test_others_are_answered_while_a_long_evaluation_runs(backend: Moodle, trained, tmp_path: Path):
    (tmp_path / "large.csv").write_bytes(labelled(1500, features=20))
    done: list[tuple[int, dict]] = []
    wish = {"minscore": "0.5", "maxdeviation": "0.5", "niterations": "3"}
    long = threading.Thread(
        target=lambda: done.append(backend.curl("/evaluation", tmp_path / "large.csv", **_ids("long"), **wish))
    )
    long.start()
    answered = 0
    while not done and answered < 20:
        assert backend.get("/version").text == "3.0.5"
        assert backend.post("/prediction", samples(2)[0], **trained).json()["status"] == 0
        answered += 1
    assert answered >= 5 or done
    long.join(SECONDS)
    status, answer = done[0]
    assert (status, answer["status"]) == (200, 0)


def test_what_was_sent_is_kept_without_credentials_and_can_be_sent_again(
    backend: Moodle, stash_folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch
):
    assert backend.post("/training", labelled(12), **_ids("stashed")).json()["status"] == 0
    kept = wait_until(lambda: [path for path in stash_folder.iterdir() if _is_of(path, "stashed")])
    assert len(kept) == 1
    assert (kept[0] / "dataset").read_bytes() == labelled(12)
    assert "secret" not in (kept[0] / "request.json").read_text()
    only = tmp_path / "only"
    only.mkdir()
    kept[0].rename(only / kept[0].name)
    monkeypatch.setenv("MOODLE_MLBACKEND_PYTHON_USERS", "moodle:secret")
    assert main(["moodle", "replay", str(only), "--to", backend.url]) == 0
    assert '"status": 0' in capsys.readouterr().out
    assert main(["moodle", "replay", str(only), "--to", backend.url, "--user", "moodle:wrong"]) == 1


def _is_of(path: Path, uniqueid: str) -> bool:
    told = path / "request.json"
    return told.exists() and json.loads(told.read_text())["parameters"].get("uniqueid") == uniqueid
