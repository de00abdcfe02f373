"""A document is read, or everything that is wrong with it is told with its line and column."""

from __future__ import annotations

import json

import jsonschema  # type: ignore[import-untyped]  # it comes without types
import pytest

from datasets.registry import KINDS
from training.experiments.reading import Experiment, read_experiment
from training.experiments.schema import json_schema
from training.experiments.text import MOST_BYTES, read_marked
from training.registry import TRAINERS
from utils import InvalidInput, TooLarge

CHURN = """\
# What makes people leave.
name: churn
type: table
data:
  project: churn
  file: data/churn.csv
  settings: {target: left, task: classification}
preparation:
  ignored: [id]
  types:
    zip: category
    day: {type: date, date_format: DD.MM.YYYY}
    rent: {type: number, number_format: "1.234,5"}
  train_split: 0.7
model:
  algorithm: linear
  parameters: {strength: 2}
parameters: {seed: 3}
device: cpu
evaluation: {metric: accuracy, minimum: 0.9}
"""
WRONG = """\
name: churn/1
type: tabular
target: left
data:
  projct: churn
  file: ../churn.csv
  settings: {target: 3, task: guessing}
preparation:
  ignored: id
  types:
    zip: categoryy
    day: {type: date}
  train_split: 0.2
model:
  algorithm: linear
  parameters: {strength: -2, iteratons: 3}
parameters:
  seed: x
  epochs: 3
  folds: 99
device: tpu
evaluation: {metric: accuracy}
"""
TOLD = [
    "line 1, column 7: name: must be up to 100 letters",
    "line 3, column 1: unknown key 'target': it belongs into data.settings",
    "line 4, column 1: data.project is missing",
    "line 5, column 3: unknown key 'projct' in data: do you mean 'project'?",
    "line 6, column 9: data.file: must be a path below the folder of the repository",
    "line 7, column 22: data.settings.target: input should be a valid string, got 3",
    "line 7, column 31: data.settings.task: input should be 'classification' or 'regression', got 'guessing'",
    "line 9, column 12: preparation.ignored: input should be a valid array, got 'id'",
    "line 11, column 10: preparation.types.zip: input should be 'number', 'category', 'date' or 'text'",
    "line 12, column 5: preparation.types.day.date_format is missing",
    "line 13, column 16: preparation.train_split must be 0.5..0.95, got 0.2",
    "line 16, column 26: model.parameters.strength must be 1e-06..1000000.0, got -2",
    "line 16, column 30: unknown key 'iteratons' in model.parameters: do you mean 'iterations'?",
    "line 18, column 9: parameters.seed: input should be a valid integer, got 'x'",
    "line 19, column 3: unknown key 'epochs' in parameters: it has 'seed', 'time_budget_seconds', 'folds'",
    "line 20, column 10: parameters.folds must be 2..10, got 99",
    "line 21, column 9: device: input should be 'any', 'cpu' or 'gpu', got 'tpu'",
]


def _told(text: str | bytes, is_json: bool = False) -> list[str]:
    """What is said to be wrong with a document."""
    with pytest.raises(InvalidInput) as raised:
        read_experiment(text.encode() if isinstance(text, str) else text, is_json)
    for entry in raised.value.errors:
        assert entry["message"].startswith(f"line {entry['line']}, column {entry['column']}: ")
    return [entry["message"] for entry in raised.value.errors]


def _read(text: str, is_json: bool = False) -> Experiment:
    return read_experiment(text.encode(), is_json)


@pytest.mark.parametrize("project_type", TRAINERS)
def test_a_metric_that_the_project_type_does_not_know_is_refused_with_those_that_it_knows(project_type: str):
    trainer, text = (
        TRAINERS[project_type],
        "name: x\ntype: {}\ndata: {{project: p}}\nevaluation: {{metric: {}, minimum: 0}}",
    )
    (told,) = _told(text.format(project_type, "acuracy"))
    assert told.startswith("line 4, column 22: evaluation.metric: input should be ")
    assert all(f"'{name}'" in told for name in trainer.METRICS)
    assert told.endswith("got 'acuracy'")
    for name in trainer.METRICS:
        read = _read(text.format(project_type, name))
        assert read.document.evaluation.metric == name
        jsonschema.validate(read.marked.value, json_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(read_marked(text.format(project_type, "acuracy").encode()).value, json_schema())


def test_a_document_becomes_settings_and_the_trainers_params():
    read = _read(CHURN)
    assert (read.name, read.project, read.project_type, read.device.value) == ("churn", "churn", "tabular", "cpu")
    assert read.params == {"algorithm": "linear", "parameters": {"strength": 2}, "seed": 3, "train_split": 0.7}
    assert read.document.data.settings.target == "left"
    assert read.document.preparation.wishes()["day"].date_format.value == "DD.MM.YYYY"
    assert read.document.preparation.wishes()["rent"].number_format.value == "1.234,5"
    assert read.text == CHURN


def test_the_same_document_in_json_is_the_same():
    marked = read_marked(CHURN.encode())
    as_json = json.dumps(marked.value, indent="\t")
    assert read_marked(as_json.encode()).value == marked.value
    again = _read(as_json, is_json=True)
    assert (again.document, again.params) == (_read(CHURN).document, _read(CHURN).params)
    escaped = read_marked(rb'{"a\/b": "\ud83d\ude00\n"}', is_json=True)
    assert escaped.value == {"a/b": "\U0001f600\n"}


def test_all_that_is_wrong_is_told_at_once_with_line_column_and_what_is_nearest():
    told = _told(WRONG)
    assert len(told) == len(TOLD), told
    for message, wanted in zip(told, TOLD, strict=True):
        assert message.startswith(wanted)
    assert _told("name: x\ntype: tabular\ndata: {project: p}\nevaluation: {metric: accuracy}") == [
        "line 4, column 1: evaluation names a metric: say its minimum or maximum too"
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("- a", "line 1, column 1: wanted keys with values, got a list"),
        ("name: x", "line 1, column 1: type must be one of classification, detection, tabular"),
        ("name: x\ntype: tablular", "line 2, column 7: type must be one of"),
        ("name: x\ntype: tabular\ndata: 3", "line 3, column 7: data must hold keys with values, got 3"),
        ("name: x\ntype: tabular\ndata: {project: p, version: 1}", "unknown key 'version' in data"),
        ("name: x\ntype: detection\ndata: {project: p}\nmodel: {algorithm: y}", "nothing to choose for detection"),
        ("name: x\ntype: table\ndata: {project: p}\nmodel: {parameters: {a: 1}}", "`auto` chooses them"),
        ("name: x\ntype: table\ndata: {project: p}\nmodel: {algorithm: y}", "line 4, column 20: model.algorithm: "),
        ("name: x\ntype: detection\ndata: {project: p}\nparameters: {image_size: 33}", "32..1280 in steps of 32"),
        ("name: x\ntype: table\ndata: {project: p}\nevaluation: {minimum: 2, maximum: 1}", "must not be more than"),
    ],
)
def test_what_is_wrong_is_told_where_it_stands(text: str, wanted: str):
    assert wanted in "; ".join(_told(text))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (b"a: &x 1\nb: *x", "line 1, column 4: an anchor (&x)"),
        (b"a: *x", "line 1, column 4: an alias (*x)"),
        (b"a: !!python/object/apply:os.system [ls]", "line 1, column 4: a tag"),
        (b"a: 1\nb: 2\na: 3", "line 3, column 1: the key 'a' stands here twice; the first is in line 1"),
        (b"a: 1\n---\nb: 2", "line 2, column 1: a second document"),
        (b"? [a]\n: 1", "a key must be a word"),
        (b"[" * 60_000, "levels deep"),
        (b"a: [" + b"1," * 6_000 + b"]", "more than 5,000 values"),
        (b"a: 1e999", "a number is larger"),
        (b"a: " + b"9" * 5_000, "more than 40 digits"),
        (b"", "the document is empty"),
        (b"a: \xff", "line 1, column 4: the document must be UTF-8"),
        (b"a: 1\nb: \x00", "line 2, column 4: a character"),
        (b"a:\n\t- 1", "line 2, column 1: this is no valid YAML"),
        (b'a: "\\ud800"', "half a character"),
    ],
)
def test_what_is_no_plain_data_is_refused(text: bytes, wanted: str):
    (told,) = _told(text)
    assert wanted in told


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (b'{"a": tru}', "line 1, column 7: this is no valid JSON"),
        (b"a: 1", "line 1, column 1: this is no valid JSON"),
        (b'{"a": 1,\n "a": 2}', "line 2, column 2: the key 'a' stands here twice"),
        (b"[" * 60_000, "this is no valid JSON"),
    ],
)
def test_json_is_held_to_json(text: bytes, wanted: str):
    (told,) = _told(text, is_json=True)
    assert wanted in told


def test_a_document_has_a_bound_and_words_are_what_they_look_like_in_json():
    with pytest.raises(TooLarge, match="65,536"):
        read_marked(b"a" * (MOST_BYTES + 1))
    assert read_marked(b"a: [no, on, 2001-01-01, 1:30, 010, true, ~, .5, <<]").value == {
        "a": ["no", "on", "2001-01-01", "1:30", 10, True, None, 0.5, "<<"]
    }


def test_the_schema_takes_what_is_read_and_refuses_what_is_refused():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert len(schema["oneOf"]) == len(KINDS)
    document = {**read_marked(CHURN.encode()).value, "type": "tabular"}
    assert validator.is_valid(document)
    assert not validator.is_valid({**document, "target": "left"})
    wrong = {"algorithm": "linear", "parameters": {"iteratons": 3}}
    assert not validator.is_valid({**document, "model": wrong})
