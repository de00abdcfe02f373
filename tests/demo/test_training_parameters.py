"""What the demo asks of `PUT /train` beyond the classic parameters."""

from __future__ import annotations

from typing import Any

import pytest

from storage.store import Store
from tests.conftest import Caller, picture


@pytest.fixture
def project(caller: Caller) -> str:
    name = caller.project("cells", "detection", "cell")
    for number in range(2):
        assert caller.place(name, f"img_{number}", "0 0.5 0.5 0.2 0.2", picture(seed=number)).status_code == 200
    return name


def test_a_training_takes_image_size_batch_and_seed(caller: Caller, project: str, store: Store) -> None:
    wishes = {"image_size": "160", "batch": 4, "seed": 3}
    answer = caller.call("PUT", "/train", project_name=project, train_split=0.5, epochs=1, **wishes)
    assert answer.status_code == 200
    (job,) = store.jobs.latest(store.images.project_ids()).values()
    assert [job.params[name] for name in wishes] == [160, 4, 3]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("image_size", 100), ("image_size", 0), ("image_size", True),
        ("batch", 0), ("batch", "x"), ("seed", -1), ("seed", 2**64),
    ],
)  # fmt: skip
def test_a_parameter_out_of_the_trainers_bounds_is_named(caller: Caller, project: str, name: str, value: Any) -> None:
    answer = caller.call("PUT", "/train", project_name=project, train_split=0.5, epochs=1, **{name: value})
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json["errors"]] == [name]
