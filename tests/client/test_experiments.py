"""Experiments from the command line, and repositories of them: from a commit to a published model, once."""

from __future__ import annotations

import json
import math
import random
import re
import secrets
import shutil
import subprocess
from pathlib import Path

import pytest

from diyml_client import Client
from diyml_client.cli.deploy import BELOW
from diyml_client.cli.main import main
from diyml_client.config import Profile, save
from diyml_client.repository import RepositoryError, checked_out
from tests.conftest import ROOT
from tests.training.experiments.test_documents import document_of

EXAMPLE = ROOT / "demo" / "repository"
ROWS = [{"town": "Ulm", "rooms": 5, "area_m2": 130, "balcony": "no"}, {"rooms": 1, "area_m2": 30}]


class Repository:
    """A git repository that begins as the example of the demo, about a project of its own name."""

    def __init__(self, root: Path, project: str):
        shutil.copytree(EXAMPLE, root)
        self.root, self.project = root, project
        self.document = root / "experiments" / "flats.yaml"
        self._git("init", "--quiet", "--initial-branch=main")
        self.change(self.document, "project: flats", f"project: {project}")

    def change(self, path: Path, before: str, now: str) -> None:
        """Replace text of a file, and commit."""
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, now))
        self.commit()

    def commit(self) -> None:
        """Commit all that there is."""
        self._git("add", "--all")
        self._git("-c", "user.name=ada", "-c", "user.email=ada@example.org", "commit", "--quiet", "-m", "next")

    def _git(self, *arguments: str) -> None:
        command = ["git", "-C", str(self.root), *arguments]  # the user's git, wherever it is
        subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """The example as a repository."""
    return Repository(tmp_path / "repository", f"flats-{secrets.token_hex(4)}")


@pytest.fixture
def login(home: Path, user: Client) -> Client:
    """Somebody who is logged in."""
    save(Profile(user.url, user.token or "", "ada"))
    return user


def _run(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> str:
    """What a command says on both streams."""
    ended = main([str(argument) for argument in arguments])
    told = capsys.readouterr()
    assert ended == code, told
    return told.out + told.err


def test_a_commit_becomes_a_published_model_and_once_more_nothing(
    repository: Repository, login: Client, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    document, deploy = repository.document, ("deploy", repository.root)
    told = _run(capsys, *deploy, "--dry-run")
    for step in ("create the project", "import data/flats.csv", "it was never trained", "publish when accuracy"):
        assert step in told
    assert "there is no project" in _run(capsys, "experiment", "train", document, code=1)
    assert "published version 1" in _run(capsys, *deploy)
    project = login.projects.get(repository.project)
    assert (project.is_published, project.publication().version) == (True, 1)
    (job,) = project.experiments.jobs("flats-linear")
    before = [(job.id, project.publication().published_at, len(list(project.imports.list())))]
    shown = json.loads(_run(capsys, "--quiet", *deploy, "--json"))
    assert shown[0]["plan"] == ["nothing"]
    assert (shown[0]["job_id"], shown[0]["published"]) == (job.id, True)
    again = [
        (one.id, project.publication().published_at, len(list(project.imports.list()))) for one in project.jobs.list()
    ]
    assert again == before

    rows = tmp_path / "rows.json"
    rows.write_text(json.dumps(ROWS))
    assert '"class": "yes"' in _run(capsys, "experiment", "predict", document, rows)
    # What is worth too little is trained and does not answer.
    repository.change(document, "metric: accuracy, minimum: 0.85", "metric: log_loss, maximum: 0.000001")
    assert "the document has changed" in _run(capsys, *deploy, "--dry-run")
    assert "wanted log_loss at most 1e-06" in _run(capsys, *deploy, code=BELOW)
    assert project.publication().version == 1
    assert "wanted log_loss" in _run(capsys, *deploy, code=BELOW)
    assert len(list(project.experiments.jobs("flats-linear"))) == 2
    # Data that have changed are imported, and trained on.
    repository.change(repository.root / "data" / "flats.csv", "f000,", "g000,")
    told = _run(capsys, *deploy, "--dry-run", code=0)
    assert "import data/flats.csv" in told
    assert "the data have changed" in told


def test_the_guides_document_of_time_series_is_trained(
    repository: Repository, login: Client, capsys: pytest.CaptureFixture[str]
):
    repository.document.unlink()
    text = document_of("anomaly").replace("project: pump", f"project: {repository.project}")
    (repository.root / "experiments" / "pump.yaml").write_text(text)
    (repository.root / "data" / "pump.csv").write_text(_pump())
    repository.commit()
    shown = json.loads(_told(main(["--quiet", "deploy", str(repository.root), "--json"]), capsys, 0, BELOW))
    assert (shown[0]["version"], shown[0]["failed"]) == (1, None)
    job = next(login.projects.get(repository.project).experiments.jobs("pump-pca"))
    assert (job.params["detector"], job.params["window"]) == ("pca", 8)
    assert job.experiment
    assert job.experiment["source"].startswith("sha256:")
    # The settings of its columns are those that the document says: done again, nothing is left to do.
    again = json.loads(_told(main(["--quiet", "deploy", str(repository.root), "--json"]), capsys, 0, BELOW))
    assert again[0]["plan"][0].startswith("nothing")


def _told(ended: int, capsys: pytest.CaptureFixture[str], *codes: int) -> str:
    """What a command said on stdout; it ended in one of these ways."""
    told = capsys.readouterr()
    assert ended in codes, told
    return told.out


def _pump() -> str:
    """A pump that gets hot at the end."""
    lines, noise = ["at,machine,operator,heat,spin,flow,fault"], random.Random(3)
    for row in range(400):
        fault = int(row >= 370)
        load = math.sin(row / 9) + noise.gauss(0, 0.1)
        heat, spin = 60 + 5 * load + 20 * fault + noise.gauss(0, 0.3), 1500 + 40 * load + noise.gauss(0, 2)
        at = f"2026-01-01T00:{row // 60:02}:{row % 60:02}Z"
        lines.append(f"{at},a,ada,{heat:.3f},{spin:.2f},{12 + load + noise.gauss(0, 0.1):.3f},{fault}")
    return "\n".join(lines) + "\n"


def test_one_wrong_document_and_nothing_is_done(
    repository: Repository, login: Client, capsys: pytest.CaptureFixture[str]
):
    folder = repository.root / "experiments"
    (folder / "more").mkdir()
    (folder / "more" / "other.yaml").write_text(
        "name: x\ntype: detection\ndata: {projct: y}\nparameters: {epochs: 0}\n"
    )
    other = repository.document.read_text()
    (folder / "twin.yml").write_text(other)
    (folder / "gone.json").write_text(
        json.dumps({"name": "z", "type": "tabular", "data": {"project": "z", "file": "no"}})
    )
    repository.commit()
    told = _run(capsys, "deploy", repository.root, code=1)
    for line in (
        "experiments/more/other.yaml: line 3, column 8: unknown key 'projct' in data: do you mean 'project'?",
        "experiments/more/other.yaml: line 4, column 22: parameters.epochs must be 1..1000, got 0",
        "experiments/gone.json: there is no 'no' in the repository",
        f"experiments/twin.yml: 'flats-linear' of '{repository.project}' is the name of experiments/flats.yaml as well",
    ):
        assert line in told
    assert repository.project not in {project.name for project in login.projects.list()}
    # What a project that there is says against one document is told beside what is wrong with others.
    (folder / "bare.yaml").write_text(f"name: bare\ntype: tabular\ndata: {{project: {repository.project}-bare}}\n")
    repository.commit()
    login.projects.create(f"{repository.project}-bare", "tabular")
    told = _run(capsys, "deploy", repository.root, code=1)
    assert "nothing was done" in told
    assert "experiments/bare.yaml: line 3, column 7: the project" in told
    assert "experiments/gone.json: there is no 'no' in the repository" in told
    assert "line 3, column 8" in _run(capsys, "experiment", "validate", folder / "more" / "other.yaml", code=1)
    assert "flats-linear" in _run(capsys, "experiment", "validate", repository.document)
    assert "10s to 7d" in _run(capsys, "deploy", repository.root, "--every", "5x", code=2)
    assert "there is no 'elsewhere'" in _run(capsys, "deploy", repository.root, "--folder", "elsewhere", code=1)


def test_a_document_that_does_not_fit_to_data_that_were_imported_for_it_trains_nothing(
    repository: Repository, login: Client, capsys: pytest.CaptureFixture[str]
):
    repository.change(repository.document, "target: large", "target: larg")
    told = _run(capsys, "deploy", repository.root, code=1)
    assert "importing data/flats.csv" in told
    assert "nothing was trained:" in told
    assert "nothing was done" not in told
    assert "do you mean 'large'?" in told
    assert not list(login.projects.get(repository.project).jobs.list())


def test_what_cannot_be_done_says_why(repository: Repository, login: Client, capsys: pytest.CaptureFixture[str]):
    project = login.projects.create(repository.project, "tabular")
    document = repository.document
    rows = repository.root / "rows.json"
    rows.write_text("[{}]")
    assert "is not published, so nothing answers" in _run(capsys, "experiment", "predict", document, rows, code=1)
    assert "was never trained" in _run(capsys, "experiment", "retrain", document, code=1)
    assert "no training of 'flats-linear'" in _run(capsys, "experiment", "stop", document, code=1)
    assert "has no table yet" in _run(capsys, "experiment", "train", document, code=1)
    assert "MLflow" in _run(capsys, "experiment", "load", document, "models:/x/1", code=1)
    with pytest.raises(Exception, match="no published project"):
        login.transport.json("POST", f"/api/v1/published/{project.name}/predict", body={"rows": [{}]})


def test_files_of_a_repository_that_lead_elsewhere_are_refused(repository: Repository):
    root = repository.root
    (root / "link.csv").symlink_to("/etc/passwd")
    (root / "folder").mkdir()
    (root / "folder" / "link.png").symlink_to("/etc/passwd")
    (root / "lfs.csv").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    (root / "empty.csv").touch()
    ran = root / "ran"
    hook = root / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {ran}\n")
    hook.chmod(0o755)
    repository.commit()
    with checked_out(str(root), "main") as checkout:
        kept = checkout.root
        assert re.fullmatch("[0-9a-f]{40}", checkout.commit)
        assert checkout.data("data/flats.csv").size == (root / "data" / "flats.csv").stat().st_size
        assert checkout.data("data").sha256 != checkout.data("data/flats.csv").sha256
        for name, words in (
            ("link.csv", "symbolic link"),
            ("folder", "symbolic link"),
            ("folder/link.png", "symbolic link"),
            ("../repository/data", "plain path"),
            ("/etc/passwd", "plain path"),
            (".git/config", "plain path"),
            ("none.csv", "there is no"),
            ("lfs.csv", "Git LFS"),
            ("empty.csv", "at least a byte"),
        ):
            with pytest.raises(RepositoryError, match=words):
                checkout.data(name)
    assert not ran.exists()
    assert not kept.exists()


@pytest.mark.parametrize(
    "address",
    [
        "ext::sh -c true",
        "file:///etc",
        "--upload-pack=touch",
        "http://example.org/x.git",
        "nowhere",
        "git://h/x",
        "a::b",
    ],
)
def test_addresses_that_are_none_are_refused(address: str, home: Path):
    with pytest.raises(RepositoryError, match="no repository"), checked_out(address):
        pass


def test_a_folder_without_commits_and_an_unknown_branch_are_told(repository: Repository, tmp_path: Path):
    plain = tmp_path / "plain"
    plain.mkdir()
    for source, branch in ((plain, None), (repository.root, "nowhere"), (repository.root, "--all")):
        with pytest.raises(RepositoryError, match=r"git says|no name of a branch"), checked_out(str(source), branch):
            pass
