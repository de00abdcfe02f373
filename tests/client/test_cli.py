"""The `diyml` command: by click's runner, and as a process of its own."""

from __future__ import annotations

import json
import os
import pty
import secrets
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from diyml_client import Client, Project, config
from diyml_client.cli import server
from diyml_client.cli.main import build, main
from tests.client.routes import P, needs
from tests.conftest import PASSWORD, ROOT
from tests.launch.program import free_port

ENVIRONMENT = {"PYTHONPATH": str(ROOT), "COVERAGE_PROCESS_START": ""}
accounts = needs("/api/v1/projects", "/api/v1/login")


class Shell:
    """A person's shell on a machine without a terminal."""

    def __init__(self, home: Path):
        self.home = home

    def run(self, *arguments: str, code: int = 0, **options: str) -> subprocess.CompletedProcess[str]:
        """Run `diyml` as a process, and see how it ends."""
        environment = {**os.environ, **ENVIRONMENT, "XDG_CONFIG_HOME": str(self.home / "config"), **options}
        ran = subprocess.run(
            [sys.executable, "-m", "diyml_client.cli", *arguments],
            cwd=self.home,
            env=environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=240,
            check=False,
        )
        assert "Traceback" not in ran.stderr, ran.stderr
        assert ran.returncode == code, ran.stdout + ran.stderr
        assert "\x1b" not in ran.stdout + ran.stderr
        return ran

    def json(self, *arguments: str) -> Any:
        """What a command prints with `--json`."""
        return json.loads(self.run(*arguments, "--json").stdout)


@pytest.fixture
def shell(home: Path, user: Client) -> Shell:
    """Somebody who is logged in."""
    config.save(config.Profile(user.url, user.token or "", "ada"))
    return Shell(home)


def _main(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[str, str]:
    """A command in this process: what it says on stdout and stderr."""
    assert main(arguments) == code
    return capsys.readouterr()


@accounts
def test_a_login_keeps_a_token_that_only_its_owner_can_read(
    home: Path, user: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    name = user.me.get().username
    monkeypatch.setattr("sys.stdin.readline", lambda: f"{PASSWORD}\n", raising=False)
    _main(capsys, "login", "--url", user.url, "--user", name, "--password-stdin")
    assert stat.S_IMODE(config.path().stat().st_mode) == 0o600
    assert stat.S_IMODE(config.path().parent.stat().st_mode) == 0o700
    assert PASSWORD not in config.path().read_text()
    out, _ = _main(capsys, "whoami", "--json")
    assert json.loads(out)["username"] == name
    assert Client.from_config().me.get().username == name
    _main(capsys, "logout")
    _, told = _main(capsys, "whoami", code=1)
    assert "Log in first" in told


@accounts
def test_the_environment_goes_before_the_file_and_a_token_is_shown_to_its_own_server_only(
    shell: Shell, user: Client, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DIYML_URL", "http://elsewhere.example")
    with pytest.raises(config.NoProfile, match="saved token is for"):
        config.load()
    monkeypatch.setenv("DIYML_TOKEN", "other")
    assert config.load().token == "other"


@accounts
def test_json_is_alone_on_stdout_and_messages_are_on_stderr(shell: Shell):
    name = f"fruit-{secrets.token_hex(4)}"
    made = shell.run("projects", "create", name, "--type", "detection", "--class", "apple", "--json")
    assert json.loads(made.stdout)["name"] == name
    assert "Next:" in made.stderr
    assert name in shell.run("projects", "list").stdout
    assert name in {project["name"] for project in shell.json("projects", "list", "--search", name)}
    assert [item["name"] for item in shell.json("classes", "list", "-p", name)["classes"]] == ["apple"]
    # The option may stand before the command, too.
    assert json.loads(shell.run("--json", "projects", "show", name).stdout)["type"] == "detection"


@accounts
def test_exit_codes_tell_refused_from_misused_from_unreachable(shell: Shell, project: Project):
    assert f"Did you mean '{project.name}'?" in shell.run("projects", "show", f"{project.name}x", code=1).stderr
    assert "Missing option" in shell.run("train", code=2).stderr
    assert "No such command" in shell.run("paint", code=2).stderr
    assert "say --yes" in shell.run("projects", "delete", project.name, code=2).stderr
    nowhere = {"DIYML_URL": f"http://127.0.0.1:{free_port()}", "DIYML_TOKEN": "x"}
    shell.run("doctor", code=3, **nowhere)
    shell.run("projects", "delete", project.name, "--yes")


@accounts
def test_every_part_of_the_way_is_looked_at(shell: Shell):
    checks = {check["part"]: check for check in shell.json("doctor")}
    assert {check["state"] for check in checks.values()} <= {"ok", "warning"}
    assert {"connection", "server", "clock", "token", "database", "worker", "inference"} <= checks.keys()


def test_a_missing_login_and_a_wrong_address_are_told_by_the_doctor(home: Path, capsys: pytest.CaptureFixture[str]):
    out, _ = _main(capsys, "doctor", code=1)
    assert "diyml login" in out
    out, _ = _main(capsys, "doctor", "--url", f"http://127.0.0.1:{free_port()}", code=3)
    assert "See that the server runs" in out
    out, _ = _main(capsys, "doctor", "--url", "http://nowhere.invalid", code=3)
    assert "there is no host" in out


@accounts
@needs(f"{P}/images")
def test_a_folder_is_uploaded_and_once_more_sends_nothing(shell: Shell, project: Project, shades: Path, tmp_path: Path):
    folder = tmp_path / "some"
    shutil.copytree(shades, folder)
    (folder / "grey").mkdir()
    shutil.copy(shades / "dark" / "1.png", folder / "grey" / "1.png")
    assert shell.json("upload", str(folder), "-p", project.name)["created"] == 13
    assert [item.name for item in project.classes] == ["dark", "bright", "grey"]
    assert "13 there already" in shell.run("upload", str(folder), "-p", project.name).stdout
    (folder / "grey" / "bad.png").write_bytes(b"no picture")
    assert "grey_bad.png: " in shell.run("upload", str(folder), "-p", project.name, code=1).stderr


@accounts
@needs(f"{P}/imports", f"{P}/exports/<export_format>")
def test_a_folder_goes_in_and_comes_out(shell: Shell, project: Project, shades: Path):
    answer = shell.json("import", str(shades), "-p", project.name, "--format", "folders")
    assert (answer["state"], answer["counts"]["created"]) == ("succeeded", 12)
    assert shell.json("export", "folders", "-p", project.name, "-o", "out.zip")["size"] > 0
    assert (shell.home / "out.zip").is_file()


@accounts
@needs(f"{P}/versions")
def test_versions_are_frozen_and_compared(shell: Shell, project: Project):
    assert shell.json("versions", "create", "-p", project.name, "--name", "empty")["version"] == 1
    assert shell.json("versions", "compare", "1", "-p", project.name)["same"]
    assert "empty" in shell.run("versions", "list", "-p", project.name).stdout
    shell.run("versions", "delete", "1", "-p", project.name)


@accounts
def test_tokens_members_and_classes_have_their_commands(
    shell: Shell, project: Project, guest: Client, capsys: pytest.CaptureFixture[str]
):
    grace = guest.me.get().username
    out, _ = _main(capsys, "tokens", "create", "ci", "--scope", "read", "--days", "2")
    assert Client(guest.url, out.strip()).projects.get(project.name)
    out, _ = _main(capsys, "tokens", "list", "--json")
    made = next(item for item in json.loads(out) if item["name"] == "ci")
    _main(capsys, "tokens", "revoke", made["id"])
    _main(capsys, "members", "add", grace, "--role", "editor", "-p", project.name)
    out, _ = _main(capsys, "members", "list", "-p", project.name)
    assert [line.split()[0] for line in out.splitlines() if "editor" in line] == [grace]
    _main(capsys, "members", "remove", grace, "-p", project.name)
    for arguments in (["add", "grey"], ["rename", "grey", "dull"], ["merge", "dull", "dark"], ["remove", "bright"]):
        _main(capsys, "classes", *arguments, "-p", project.name)
    assert [item.name for item in project.classes] == ["dark"]


@accounts
@needs(f"{P}/jobs")
def test_a_training_that_cannot_be_is_refused_in_words(shell: Shell, project: Project):
    told = shell.run("train", "-p", project.name, "--epochs", "1", code=1).stderr
    assert told.startswith("diyml: ")
    assert shell.json("jobs", "-p", project.name) == []
    assert "no job" in shell.run("job", "0" * 24, code=1).stderr.lower()
    assert "NAME=VALUE" in shell.run("train", "-p", project.name, "--param", "epochs", code=2).stderr


@accounts
def test_at_a_terminal_there_are_colours_unless_one_does_not_want_them(shell: Shell, project: Project):
    def at_terminal(**options: str) -> bytes:
        ours, theirs = pty.openpty()
        environment = {**os.environ, **ENVIRONMENT, "XDG_CONFIG_HOME": str(shell.home / "config"), "TERM": "xterm"}
        subprocess.run(
            [sys.executable, "-m", "diyml_client.cli", "projects", "list"],
            cwd=shell.home,
            env={**environment, **options},
            stdout=theirs,
            timeout=240,
            check=True,
        )
        os.close(theirs)
        said = b""
        try:
            while piece := os.read(ours, 65536):
                said += piece
        except OSError:
            pass  # how Linux says that the other end is closed
        os.close(ours)
        return said

    assert b"\x1b[1m" in at_terminal()
    assert b"\x1b[3" not in at_terminal(NO_COLOR="1")


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_the_shell_is_told_how_to_complete(shell_name: str, home: Path, capsys: pytest.CaptureFixture[str]):
    out, _ = _main(capsys, "completion", shell_name)
    assert "_DIYML_COMPLETE" in out


def test_completing_starts_no_server(home: Path):
    options = {"_DIYML_COMPLETE": "bash_complete", "COMP_WORDS": "diyml cat", "COMP_CWORD": "1"}
    assert "catalogue" in Shell(home).run(**options).stdout


@pytest.mark.parametrize(
    ("arguments", "is_servers"),
    [
        ([], True),
        (["--port", "7002"], True),
        (["--port=7002"], True),
        (["serve"], True),
        (["workers"], True),
        (["stop"], True),
        (["stop", "0" * 24], False),
        (["--help"], False),
        (["projects", "list"], False),
    ],
)
def test_the_servers_commands_stay_what_they_were(arguments: list[str], is_servers: bool):
    assert server.is_meant(arguments) == is_servers
    assert server.is_installed()


def test_a_command_of_the_server_is_run_by_the_server(home: Path):
    told = Shell(home).run("status", code=1, DIYML_DATA_DIR=str(home / "data")).stdout
    assert "Nothing runs on" in told


def test_alone_it_shows_its_help(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(server, "_MODULE", "no_launch_here.cli")
    out, _ = _main(capsys)
    assert "Exit codes" in out
    assert "The server on this machine" not in out
    _, told = _main(capsys, "serve", code=2)
    assert "No such command" in told


def test_every_command_says_what_it_does():
    def commands(group: Any, name: str) -> list[tuple[str, Any]]:
        found = getattr(group, "commands", None)
        if found is None:
            return [(name, group)]
        return [pair for key, item in found.items() for pair in commands(item, f"{name} {key}")]

    for name, command in commands(build(), "diyml"):
        assert command.help, name
        assert command.short_help, name
