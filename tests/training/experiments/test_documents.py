"""The documents that the guide shows, and that of the demo's repository, are ones that are taken."""

from __future__ import annotations

import re

import jsonschema  # type: ignore[import-untyped]  # it comes without types
import pytest

from tests.conftest import ROOT
from training.experiments.reading import read_experiment
from training.experiments.schema import json_schema
from training.experiments.text import read_marked
from training.registry import TRAINERS

_GUIDE = (ROOT / "docs" / "experiments.md").read_text()
DOCUMENTS = re.findall(r"```yaml\n(.*?)```", _GUIDE, re.DOTALL)


def document_of(project_type: str) -> str:
    """The guide's document of a project type."""
    (found,) = (text for text in DOCUMENTS if f"\ntype: {project_type}\n" in text)
    return str(found)


@pytest.mark.parametrize("project_type", ["tabular", "classification", "anomaly"])
def test_the_guides_documents_are_right(project_type: str):
    text = document_of(project_type)
    read = read_experiment(text.encode())
    assert read.project_type == project_type
    jsonschema.validate(read.marked.value, json_schema())
    assert read.document.evaluation.metric


def test_the_guide_names_the_metrics_of_every_type_the_one_it_is_known_by_first():
    for project_type, trainer in TRAINERS.items():
        (named,) = re.findall(rf"^\| `{project_type}` \| (.*) \|$", _GUIDE, re.MULTILINE)
        assert tuple(re.findall(r"`(\w+)`", named)) == tuple(trainer.METRICS)
        assert next(iter(trainer.METRICS)) == trainer.METRIC


def test_the_demos_document_is_the_guides():
    demo = (ROOT / "demo" / "repository" / "experiments" / "flats.yaml").read_bytes()
    assert read_marked(demo).value == read_marked(document_of("tabular").encode()).value
