"""What a training may be asked to use is told with everything one needs to choose."""

from __future__ import annotations

from tests.api.problems import assert_problem
from tests.api.v1.test_jobs import get
from tests.conftest import Caller
from training.anomaly.detectors.registry import DETECTORS
from training.registry import TRAINERS

# By project type, the parameter that names one.
CHOICE = {"tabular": "algorithm", "anomaly": "detector"}


def test_algorithms_are_told_with_the_range_default_and_meaning_of_each_parameter(caller: Caller):
    found = get(caller, "/api/v1/algorithms").json["items"]
    names = [item["name"] for item in found if item["project_type"] == "tabular"]
    assert names == ["auto", "linear", "forest", "boosting", "neighbours", "svm", "perceptron"]
    assert [item["name"] for item in found if item["project_type"] == "anomaly"] == ["auto", *DETECTORS]
    for item in found:
        assert item["title"]
        assert item["description"]
        for parameter in item["parameters"]:
            assert parameter["type"] in {"integer", "number", "boolean", "string"}
            assert parameter["description"]
            assert parameter["choices"] or parameter["type"] == "boolean" or parameter["maximum"] is not None
    assert_problem(get(caller, "/api/v1/algorithms", color="red"), 400, "color")


def test_every_default_that_is_told_is_taken(caller: Caller):
    for item in get(caller, "/api/v1/algorithms").json["items"]:
        given = {parameter["name"]: parameter["default"] for parameter in item["parameters"]}
        choice = {CHOICE[item["project_type"]]: item["name"], "parameters": given}
        params = TRAINERS[item["project_type"]].Params(**choice)
        assert params.model_dump(mode="json")["parameters"] == given
