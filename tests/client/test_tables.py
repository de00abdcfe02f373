"""Tables from the command line and in the client: in, described, trained, and predicted from file to file."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import diyml_client.prediction_jobs
from diyml_client import Client, InvalidRequest, JobFailed, TableComparison
from diyml_client.cli.main import main
from diyml_client.tables import leaderboard

ROWS = 80


def _file(path: Path) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "rooms", "town", "part", "large"])
        for row in range(ROWS):
            part = "test" if row % 8 == 0 else "train"
            writer.writerow([f"x{row}", row % 5, ("Ulm", "Bonn")[row % 2], part, "yes" if row % 5 >= 2 else "no"])
    return path


def test_a_table_goes_from_a_file_to_predictions_in_a_file(
    user: Client, guest: Client, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):  # fmt: skip
    monkeypatch.setenv("DIYML_URL", user.url)
    monkeypatch.setenv("DIYML_TOKEN", str(user.token))
    source, target = _file(tmp_path / "flats.csv"), tmp_path / "predicted.csv"
    project = user.projects.create("client flats", "tabular")
    here = ("-p", project.name)
    assert main(["tables", "import", str(source), *here]) == 0
    wish = ("--target", "large", "--ignore", "id", "--type", "rooms=category", "--split", "part")
    assert main(["tables", "settings", *here, *wish]) == 0
    assert "the target" not in capsys.readouterr().err
    assert main(["tables", "show", *here]) == 0
    assert "split" in capsys.readouterr().out
    table = project.table.get()
    assert (table.rows, table.settings["target"], table.settings["split"]) == (ROWS, "large", "part")
    assert next(project.table.rows())["town"] == "Ulm"
    assert main(["tables", "settings", *here, "--type", "rooms=room"]) == 2

    options = ("--algorithm", "linear", "--parameter", "strength=10", "--follow")
    assert main(["train", *here, *options]) == 0
    [model] = project.models.list()
    card = model.card()
    assert card["test_metrics"]["accuracy"] > 0.9
    assert leaderboard(card)[0]["algorithm"] == "linear"
    assert main(["tables", "leaderboard", *here]) == 0
    assert "linear" in capsys.readouterr().out
    project.publish()

    assert main(["predict", str(source), *here, "-o", str(target)]) == 0
    assert "Warning: 2 columns that the model does not use: 'id', 'part'" in capsys.readouterr().err
    at_once = target.read_bytes()
    assert len(list(csv.DictReader(at_once.decode().splitlines()))) == ROWS
    monkeypatch.setattr(diyml_client.prediction_jobs, "MOST_AT_ONCE_BYTES", 0)
    warnings: list[str] = []
    guest.predict_csv(project, source, target, warned=warnings.extend)
    assert warnings == ["2 columns that the model does not use: 'id', 'part'"]
    assert target.read_bytes() == at_once
    assert list(guest.prediction_jobs.list()) == []
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("part\n")
    with pytest.raises(JobFailed, match=r"no row.*Put right what is named, and begin another\.$"):
        guest.predict_csv(project, wrong, target)
    monkeypatch.undo()
    with pytest.raises(InvalidRequest, match="no row"):
        guest.predict_csv(project, wrong, target)
    assert target.read_bytes() == at_once


def test_the_format_of_numbers_is_set_from_the_command_line(
    user: Client, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("DIYML_URL", user.url)
    monkeypatch.setenv("DIYML_TOKEN", str(user.token))
    project = user.projects.create("tolls", "tabular")
    source = tmp_path / "tolls.csv"
    source.write_text("toll;road\n1,234;A8\n2,500;B10\n")
    project.table.load(source)
    here = ("-p", project.name)
    assert main(["tables", "show", *here]) == 0
    assert "ambiguous_numbers" in capsys.readouterr().out
    assert main(["tables", "settings", *here, "--type", "toll=1.234,5"]) == 0
    assert "ambiguous_numbers" not in capsys.readouterr().out
    assert project.table.get().settings["types"]["toll"]["number_format"] == "1.234,5"


def test_versions_of_a_table_are_compared(
    user: Client, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("DIYML_URL", user.url)
    monkeypatch.setenv("DIYML_TOKEN", str(user.token))
    project = user.projects.create("compared flats", "tabular")
    source = _file(tmp_path / "flats.csv")
    project.table.load(source)
    project.table.set(target="large")
    project.versions.create()
    source.write_text(source.read_text().replace("x1,1,Bonn", "y1,1,Ulm"))
    project.table.load(source)
    found = project.versions.compare(1)
    assert isinstance(found, TableComparison)
    assert (found.rows.key, found.rows.added, found.rows.removed, found.rows.unchanged) == ("id", 1, 1, ROWS - 1)
    assert found.classes["after"] == found.classes["before"]
    assert main(["versions", "compare", "1", "-p", project.name]) == 0
    shown = capsys.readouterr().out
    assert all(words in shown for words in ("told apart by", "columns moved", "town (0.0125)", "no: ")), shown
