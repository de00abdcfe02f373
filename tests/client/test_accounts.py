"""Accounts, projects, classes, members and tokens over the client."""

from __future__ import annotations

import secrets
import zipfile
from pathlib import Path

import pytest

from diyml_client import (
    ChangedMeanwhile,
    Client,
    Conflict,
    Forbidden,
    InvalidRequest,
    NotFound,
    Project,
    Unauthenticated,
)
from tests.client.conftest import QUICK
from tests.client.routes import P, needs
from tests.conftest import PASSWORD

pytestmark = needs("/api/v1/projects", f"{P}/classes", "/api/v1/login")


def test_who_logs_in_has_a_token_with_all_scopes_until_logging_out(platform: tuple[str, Path], user: Client):
    name = user.me.get().username
    with Client.login(platform[0], name, PASSWORD, patience=QUICK) as again:
        me = again.me.get()
        assert (me.username, sorted(me.scopes)) == (name, ["account", "infer", "read", "train", "write"])
        assert me.expires_at
        assert me.created_at
        assert me.expires_at > me.created_at
        again.logout()
        with pytest.raises(Unauthenticated, match="Log in again"):
            again.me.get()
    assert user.me.get().username == name


def test_a_wrong_password_says_what_to_do(platform: tuple[str, Path], user: Client):
    with pytest.raises(Unauthenticated) as caught:
        Client.login(platform[0], user.me.get().username, "wrong horse", patience=QUICK)
    assert caught.value.status == 401
    assert caught.value.code == "unauthenticated"
    assert caught.value.request_id


def test_a_password_is_changed_and_an_account_goes_with_all_it_has(platform: tuple[str, Path]):
    client = Client.signup(platform[0], f"joan-{secrets.token_hex(4)}", PASSWORD)
    client.me.change_password(PASSWORD, "battery staple", keep_tokens=True)
    assert client.me.get()
    client.me.delete("battery staple")
    with pytest.raises(Unauthenticated):
        client.me.get()


@needs("/api/v1/me/export")
def test_an_account_can_be_taken_along(user: Client, project: Project, tmp_path: Path):
    with zipfile.ZipFile(user.me.export(tmp_path / "all.zip")) as archive:
        assert "account.json" in {Path(name).name for name in archive.namelist()}


def test_a_token_may_do_no_more_than_it_was_made_for(platform: tuple[str, Path], user: Client, project: Project):
    token = user.tokens.create("reader", ["read"], expires_in_days=1)
    assert token.token
    assert token.scopes == ["read"]
    assert token.token not in repr(token)
    reader = Client(platform[0], token.token)
    assert reader.projects.get(project.name).id == project.id
    with pytest.raises(Forbidden, match="scope") as caught:
        reader.projects.create("more", "detection")
    assert caught.value.code == "insufficient_scope"
    assert {item.name for item in user.tokens.list()} >= {"reader"}
    user.tokens.revoke(token.id)
    with pytest.raises(Unauthenticated):
        reader.me.get()


def test_projects_are_made_found_changed_and_deleted(user: Client):
    name = f"fruit-{secrets.token_hex(4)}"
    project = user.projects.create(name, "detection", "What lies in the bowl?", ["apple", "pear"])
    assert (project.type, project.role, project.is_published) == ("detection", "owner", False)
    assert user.projects.get(project.id).name == name
    assert [found.id for found in user.projects.list(q=name, type="detection", published=False)] == [project.id]
    project.update(description="Bowls")
    assert user.projects.get(name).description == "Bowls"
    project.delete()
    with pytest.raises(NotFound):
        project.refresh()


def test_lists_go_on_over_all_pages(user: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("diyml_client.transport.PAGE_ITEMS", 2)
    mark = secrets.token_hex(4)
    made = [user.projects.create(f"{mark}-{number}", "classification").name for number in range(5)]
    assert [project.name for project in user.projects.list(q=mark, sort="name")] == made


def test_a_name_that_is_nearly_right_is_told(user: Client, project: Project):
    with pytest.raises(NotFound, match=f"Did you mean '{project.name}'"):
        user.projects.get(f"{project.name}x")


def test_what_is_refused_names_each_field(user: Client, project: Project):
    with pytest.raises(InvalidRequest) as caught:
        user.projects.create("a/b", "painting")
    assert {error["field"] for error in caught.value.errors} == {"name", "type"}
    with pytest.raises(Conflict, match="stands in the way"):
        user.projects.create(project.name, "detection")


def test_a_change_that_was_decided_on_an_older_state_is_refused(user: Client, project: Project):
    older = user.projects.get(project.id)
    project.update(description="first")
    with pytest.raises(ChangedMeanwhile, match="nothing was overwritten"):
        older.update(description="second")
    assert user.projects.get(project.id).description == "first"


def test_classes_change_one_at_a_time(project: Project):
    assert [item.name for item in project.classes] == ["dark", "bright"]
    project.classes.add("grey", index=1)
    project.classes.rename("grey", "dull")
    assert [item.name for item in project.classes.order(["bright", "dull", "dark"]).classes] == [
        "bright",
        "dull",
        "dark",
    ]
    assert [item.name for item in project.classes.merge("dull", "dark").classes] == ["bright", "dark"]
    assert [item.name for item in project.classes.remove("bright", annotations="delete").classes] == ["dark"]
    with pytest.raises(NotFound, match="only dark"):
        project.classes.rename("bright", "light")


def test_members_come_change_go_and_may_become_the_owner(user: Client, guest: Client, project: Project):
    ada, grace = user.me.get().username, guest.me.get().username
    with pytest.raises(NotFound):
        guest.projects.get(project.id)
    assert project.members.put(grace).role == "viewer"
    with pytest.raises(Forbidden, match="Ask the owner"):
        guest.projects.get(project.id).classes.add("more")
    project.members.put(grace, "editor")
    assert {member.username: member.role for member in project.members.list()} == {ada: "owner", grace: "editor"}
    assert project.transfer(grace).role == "editor"
    project.members.remove(ada)
    with pytest.raises(NotFound):
        project.refresh()
