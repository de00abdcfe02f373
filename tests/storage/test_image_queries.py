"""Lists of images on a real database: what the server did for each, by its profiler, and what it found."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any

import pytest
from bson import ObjectId

from datasets.placing import complete_images
from storage.image import LabelState, StoredImage
from storage.image_facets import completed
from storage.image_filter import ImageFilter, Range
from storage.order import Order, Place
from storage.store import Store
from utils import Unavailable

IMAGES = 600
OTHERS = 200
FILTERS = {
    "all": ImageFilter(),
    "class": ImageFilter(class_ids=(3,)),
    "classes": ImageFilter(class_ids=(1, 3, 4)),
    "split": ImageFilter(split="val"),
    "auto": ImageFilter(split="auto"),
    "labelled": ImageFilter(states=(LabelState.LABELLED, LabelState.BACKGROUND)),
    "unlabelled": ImageFilter(states=(LabelState.UNLABELLED,)),
    "waiting": ImageFilter(class_ids=(4,), never=(0, 1, 2, 3)),
    "tag": ImageFilter(tag="even"),
    "name": ImageFilter(name="b"),
    "text": ImageFilter(text="7.PN"),
    "size": ImageFilter(ranges={"size": Range(900, 1100)}),
    "width": ImageFilter(ranges={"width": Range(most=64), "height": Range(40, 50)}),
    "content": ImageFilter(sha256="7"),
    "several": ImageFilter(class_ids=(1, 2), split="train", tag="even", name="a", ranges={"width": Range(32)}),
}
ORDERS = ("name", "-name", "created_at", "-created_at", "size", "-size")


@pytest.fixture(scope="module")
def _random() -> random.Random:
    return random.Random(1)


@pytest.fixture
def project_id(store: Store, _random: random.Random) -> ObjectId:
    """A project with images of all kinds, among others of another project."""
    ours, other = ObjectId(), ObjectId()
    rows = [_row(_random, ours if number < IMAGES else other, number) for number in range(IMAGES + OTHERS)]
    images = store.database["images"]
    images.insert_many(rows)
    images.update_many({}, completed(background=False))
    return ours


def _row(odds: random.Random, project_id: ObjectId, number: int) -> dict[str, Any]:
    classes = odds.choice([[], [], [0], [1], [1, 3], [2, 4], [4], [0, 0]])
    return {
        "project_id": project_id,
        "name": f"{odds.choice('abc')}{number}.png",
        "file_id": ObjectId(),
        "sha256": str(number % 200),
        "size": odds.randrange(500, 1500),
        "format": "PNG",
        "width": odds.randrange(16, 200),
        "height": odds.randrange(16, 200),
        "annotations": [{"class_id": c, "box": None, "by_name": False, "numbers": ""} for c in classes],
        "background": not classes and odds.random() < 0.5,
        "split": odds.choice(["", "train", "val"]),
        "tags": ["even"] if number % 2 == 0 else [],
    }


@pytest.fixture
def profiled(store: Store) -> Iterator[Any]:
    """What the server says of each query on images since the test began."""
    store.database.command("profile", 2)
    yield lambda: list(store.database["system.profile"].find({"ns": f"{store.database.name}.images"}))
    store.database.command("profile", 0)
    store.database["system.profile"].drop()


@pytest.mark.parametrize("name", FILTERS)
def test_every_filter_in_every_order_is_answered_from_an_index_page_by_page(
    store: Store, project_id: ObjectId, profiled: Any, name: str
):
    wanted = FILTERS[name]
    images = [image for image in store.images.list_all(project_id) if _matches(image, wanted)]
    for order in map(Order.named, ORDERS):
        expected = sorted(images, key=lambda i: (getattr(i, order.field), i.id), reverse=order.descending)
        pages = list(_pages(store, project_id, wanted, order, 150))
        assert [image.id for image in itertools.chain(*pages)] == [image.id for image in expected], order.name
    asked = [
        row for row in profiled() if row["op"] in ("query", "getmore") and "name" not in row["command"].get("sort", {})
    ]
    assert asked
    for row in asked:
        assert "COLLSCAN" not in row["planSummary"], row["planSummary"]
        assert row["keysExamined"] <= 3 * IMAGES, row["command"]


def test_a_page_of_what_many_images_have_looks_at_no_more_than_it_shows(
    store: Store, project_id: ObjectId, profiled: Any
):
    for name, order in itertools.product(("all", "class", "split", "labelled", "unlabelled", "tag", "auto"), ORDERS):
        found = store.image_queries.page(project_id, FILTERS[name], Order.named(order), 20)
        last = found[-1]
        place = Place(getattr(last, order.removeprefix("-")), last.id)
        store.image_queries.page(project_id, FILTERS[name], Order.named(order), 20, place)
    for row in profiled():
        if row["op"] == "query":
            assert row["docsExamined"] <= 21, row["command"]
            assert row["keysExamined"] <= 50, row["command"]
            assert not row.get("hasSortStage"), row["command"]


@pytest.mark.parametrize("name", ["text", "size", "width"])
def test_what_no_facet_says_is_looked_for_in_an_index_and_only_what_is_shown_is_read(
    store: Store, project_id: ObjectId, profiled: Any, name: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("storage.image_queries._FEW", 0)
    found = store.image_queries.page(project_id, FILTERS[name], Order.named("-created_at"), 1000)
    looked = [row for row in profiled() if row["op"] in ("query", "getmore")]
    assert sum(row["docsExamined"] for row in looked) == len(found) > 0
    assert sum(row["keysExamined"] for row in looked) <= IMAGES + 2 * len(found) + 5


@pytest.mark.parametrize("order", ORDERS)
def test_pages_of_a_range_are_the_same_whether_few_or_many_images_lie_in_it(
    store: Store, project_id: ObjectId, monkeypatch: pytest.MonkeyPatch, order: str
):
    for name in ("size", "width"):
        few = list(_pages(store, project_id, FILTERS[name], Order.named(order), 7))
        with monkeypatch.context() as patch:
            patch.setattr("storage.image_queries._FEW", 0)
            assert few == list(_pages(store, project_id, FILTERS[name], Order.named(order), 7))


@pytest.mark.parametrize("field", ["size", "width", "height"])
def test_of_a_range_that_few_images_lie_in_only_those_are_looked_at(
    store: Store, project_id: ObjectId, profiled: Any, field: str
):
    wanted = ImageFilter(ranges={field: Range(60, 90) if field != "size" else Range(900, 1000)})
    there = sum(_matches(image, wanted) for image in store.images.list_all(project_id))
    assert 0 < there < IMAGES / 2
    found = store.image_queries.page(project_id, wanted, Order("created_at"), IMAGES)
    assert len(found) == there
    looked = [row for row in profiled() if row["op"] == "query" and "created_at" in row["command"].get("sort", {})]
    assert [row["docsExamined"] for row in looked] == [there]
    assert looked[0]["keysExamined"] <= there + 2


def test_counting_looks_at_keys_only(store: Store, project_id: ObjectId, profiled: Any):
    counts = store.image_queries.counts(project_id)
    assert counts.images == IMAGES == counts.labelled + counts.unlabelled
    assert all(row["docsExamined"] == 0 and "COUNT_SCAN" in row["planSummary"] for row in profiled())


def test_images_of_before_are_found_once_they_have_facets(store: Store):
    user = store.users.create("ada", b"long enough")
    for type, states in (("detection", (LabelState.BACKGROUND,)), ("classification", (LabelState.UNLABELLED,))):
        project = store.projects.create(user, type, type)
        old = _row(random.Random(1), project.id, 1)
        for name in ("background", "split", "tags"):
            del old[name]
        store.database["images"].insert_one({**old, "annotations": []})
        store.database["migrations"].delete_many({})
        complete_images(store)
        assert store.image_changes.are_complete()
        (image,) = store.image_queries.page(
            project.id, ImageFilter(states=states, split="auto"), Order("created_at"), 5
        )
        assert (image.revision, image.created_at) == (1, image.id.generation_time)


def test_a_search_that_takes_too_long_is_told_so(store: Store, project_id: ObjectId, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("storage.image_queries._SEARCH_SECONDS", 0.000001)
    with pytest.raises(Unavailable, match="narrow it down"):
        store.image_queries.page(project_id, FILTERS["text"], Order("name"), 5)


def _pages(
    store: Store, project_id: ObjectId, wanted: ImageFilter, order: Order, limit: int
) -> Iterator[list[StoredImage]]:
    after = None
    while found := store.image_queries.page(project_id, wanted, order, limit, after):
        yield found
        after = Place(getattr(found[-1], order.field), found[-1].id)


def _matches(image: StoredImage, wanted: ImageFilter) -> bool:
    return all(
        (
            wanted.class_ids is None or bool(image.class_ids & set(wanted.class_ids)),
            not image.class_ids & set(wanted.never),
            wanted.split is None or (image.split or "auto") == wanted.split,
            not wanted.states or image.label_state in wanted.states,
            image.name.startswith(wanted.name),
            wanted.text.lower() in image.name.lower(),
            wanted.tag is None or wanted.tag in image.tags,
            wanted.sha256 is None or image.sha256 == wanted.sha256,
            *(
                (item.least is None or getattr(image, name) >= item.least)
                and (item.most is None or getattr(image, name) <= item.most)
                for name, item in wanted.ranges.items()
            ),
        )
    )
