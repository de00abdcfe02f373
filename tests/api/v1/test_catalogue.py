"""What everybody finds of what others have published, and nothing else."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from PIL import Image

from settings import Settings
from storage.checks.check import Look
from storage.checks.indexes import every_index_is_there_as_it_is_declared
from storage.models import Model
from storage.store import Store
from storage.usage import Calls
from tests.api.problems import assert_problem
from tests.api.v1.test_versions import ask
from tests.conftest import Caller, picture
from tests.inference.models import store_brightness_model
from utils import utc_now

CATALOGUE = "/api/v1/catalogue"


@pytest.fixture
def publish(store: Store) -> Callable[..., Model]:
    """Publishes a project that can tell bright from dark."""

    def publish(caller: Caller, name: str, classes: str = "bright|dark", calls: int = 0, **words: object) -> Model:
        caller.project(name, classes=classes)
        caller.place(name, "one.png", classes.split("|")[0], picture(200, 100, seed=1))
        owner = store.users.find(caller.username)
        assert owner
        model = store_brightness_model(store, store.projects.named(name, owner))
        if calls:
            store.usage.add(model.project_id, model.id, utc_now().date(), Calls(calls))
        assert ask(caller, "PUT", f"/api/v1/projects/{name}/publication", **words).status_code == 200
        return model

    return publish


def names(caller: Caller, **query: object) -> list[str]:
    return [item["project"] for item in ask(caller, "GET", CATALOGUE, **query).json["items"]]


def test_projects_are_found_by_words_type_class_and_owner(
    caller: Caller, other: Caller, publish: Callable[..., Model], store: Store, settings: Settings
):
    publish(caller, "Lamps", description="How bright is a street at night?", licence="MIT")
    publish(other, "Ripeness", "green|ripe mango")
    caller.project("hidden lamps", classes="bright")
    assert names(other) == ["Ripeness", "Lamps"]
    assert names(other, q="street") == names(caller, q="lamps") == names(caller, q="STREET lamps") == ["Lamps"]
    assert names(caller, q="mango") == names(caller, **{"class": "ripe mango"}) == ["Ripeness"]
    assert names(caller, owner="ada") == ["Lamps"]
    assert names(caller, owner="nobody") == names(caller, type="detection") == names(caller, q="xyz") == []
    assert names(caller, type="Image Classification", sort="name") == ["Lamps", "Ripeness"]
    ask(caller, "DELETE", "/api/v1/projects/Lamps/publication")
    assert names(caller, q="street") == []
    assert not list(every_index_is_there_as_it_is_declared(Look(store, settings, utc_now())))


def test_a_list_goes_on_in_every_order(caller: Caller, publish: Callable[..., Model]):
    for name, calls in (("a", 3), ("b", 9), ("c", 3)):
        publish(caller, name, calls=calls)
    for sort, expected in (("-calls", "bca"), ("name", "abc"), ("-published_at", "cba")):
        seen: list[str] = []
        cursor = None
        while len(seen) < 5:
            page = ask(caller, "GET", CATALOGUE, sort=sort, limit=1, **({"cursor": cursor} if cursor else {})).json
            seen += [item["project"] for item in page["items"]]
            if (cursor := page["next"]) is None:
                break
        assert seen == list(expected), sort


def test_a_published_project_shows_what_it_is_worth_and_an_example(
    caller: Caller, other: Caller, publish: Callable[..., Model], store: Store
):
    model = publish(caller, "Lamps", calls=7, description="words", licence="Ask me first.", example_image="one.png")
    shown = ask(other, "GET", f"{CATALOGUE}/Lamps").json
    expected = {"owner": "ada", "calls": 7, "licence": "Ask me first.", "classes": ["bright", "dark"]}
    assert shown.items() >= expected.items()
    assert shown["model"] == {"id": str(model.id), "version": 1}
    assert ask(other, "GET", shown["card_url"]).status_code == 200
    example = shown["example"]
    assert (example["width"], example["height"]) == (200, 100)
    assert {one["class"] for one in example["predictions"]} <= {"bright", "dark"}
    thumbnail = ask(other, "GET", example["thumbnail_url"])
    assert Image.open(io.BytesIO(thumbnail.data)).size == (200, 100)
    kept = store.database["projects"].find_one({"name": "Lamps"})["publication"]["example"]
    store.database["projects"].update_one({"name": "Lamps"}, {"$set": {"publication.example.predictions": []}})
    assert ask(other, "GET", f"{CATALOGUE}/Lamps").json["example"]["predictions"] == []
    assert kept["predictions"]
    caller.call("PATCH", "/upload/data_point", project_name="Lamps", data_point_name="one.png")
    assert ask(other, "GET", f"{CATALOGUE}/Lamps").json["example"] is None
    assert_problem(ask(other, "GET", example["thumbnail_url"]), 404, "shows no example")
    ask(caller, "DELETE", "/api/v1/projects/Lamps/publication")
    assert_problem(ask(caller, "GET", f"{CATALOGUE}/Lamps"), 404, "no published project")


@pytest.mark.parametrize(
    ("query", "word"),
    [({"sort": "calls"}, "sort"), ({"type": "x"}, "type"), ({"q": ""}, "q"), ({"cursor": "x"}, "cursor")],
)
def test_a_question_that_is_not_understood_is_400(caller: Caller, query: dict, word: str):
    assert_problem(ask(caller, "GET", CATALOGUE, **query), 400, word)
