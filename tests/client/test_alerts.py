"""Alert rules over the client and the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diyml_client import ChangedMeanwhile, Client, Conflict, InvalidRequest, NotFound, Project
from diyml_client.cli.main import main
from tests.client.routes import P, needs

pytestmark = needs(f"{P}/alerts", f"{P}/incidents")
SOME_ID = "0123456789abcdef01234567"


def test_rules_come_change_and_go(project: Project, tmp_path: Path):
    rule = project.alerts.create("bearings", "rate", {"share": 0.5, "rows": 20}, mail=False)
    assert (rule.parameters["least_rows"], rule.mail) == (20, False)
    assert project.alerts.update(rule, active=False).active is False
    with pytest.raises(ChangedMeanwhile):
        project.alerts.update(rule, name="oil")
    assert [one.revision for one in project.alerts.list()] == [2]
    with pytest.raises(Conflict, match="nobody would be told"):
        project.alerts.test(rule.id)
    with pytest.raises(InvalidRequest, match="either `count` or `share`"):
        project.alerts.create("both", "rate", {"rows": 5})
    project.alerts.delete(rule.id)
    with pytest.raises(NotFound):
        project.alerts.get(rule.id)
    assert list(project.incidents.list("open")) == []
    for call in (project.incidents.get, project.incidents.acknowledge):
        with pytest.raises(NotFound):
            call(SOME_ID)
    with pytest.raises(NotFound):
        project.incidents.picture(SOME_ID, tmp_path / "picture.png")


def test_rules_have_their_commands(
    user: Client, project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("DIYML_URL", user.url)
    monkeypatch.setenv("DIYML_TOKEN", user.token or "")

    def run(*arguments: str, code: int = 0) -> str:
        assert main(["alerts", *arguments, "-p", project.name]) == code
        captured = capsys.readouterr()
        return captured.err if code else captured.out

    rule = json.loads(run("create", "quiet", "--kind", "silence", "--set", "seconds=30", "--no-mail", "--json"))
    assert (rule["parameters"], rule["mail"]) == ({"seconds": 30.0}, False)
    assert "is no NAME=NUMBER" in run("create", "quiet", "--set", "level", code=2)
    assert "level" in run("create", "quiet", "--set", "level=-1", code=1)
    assert "quiet" in run("list")
    assert "nobody would be told" in run("test", rule["id"], code=1)
    assert json.loads(run("incidents", "--state", "open", "--json")) == []
    run("acknowledge", SOME_ID, code=1)
    run("picture", SOME_ID, "picture.png", code=1)
    run("delete", rule["id"])
    assert json.loads(run("list", "--json")) == []
