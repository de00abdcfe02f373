"""A document is held against the data of its project before anything is trained."""

from __future__ import annotations

import pytest

from storage.store import Store
from tests.datasets.tables.placed import import_file
from training.experiments.reading import read_experiment
from training.experiments.starting import check_in
from utils import InvalidInput

TABLE = "size,town,dear\n" + "".join(f"{row},{'ab'[row % 2]},{row * 1.5}\n" for row in range(60))
SERIES = "at,heat,broken\n" + "".join(f"2026-01-01T00:00:{row:02}Z,{row % 7}.5,{int(row > 55)}\n" for row in range(60))
CLASSES = "'score', 'accuracy', 'balanced_accuracy', 'f1_macro', 'log_loss', 'roc_auc'"


def document(project_type: str, settings: str, metric: str) -> str:
    data = f"data: {{project: house, settings: {{{settings}}}}}"
    return f"name: x\ntype: {project_type}\n{data}\nevaluation: {{metric: {metric}, minimum: 0}}\n"


@pytest.mark.parametrize(
    ("project_type", "content", "settings", "measured", "other", "why"),
    [
        ("tabular", TABLE, "target: dear", "mae", "accuracy", "a target with classes, and these data have none"),
        ("tabular", TABLE, "target: town", "accuracy", "r2", f"a target with values, and .* one of {CLASSES}$"),
        ("tabular", TABLE, "target: size, task: regression", "r2", "f1_macro", "a target with classes"),
        ("anomaly", SERIES, "time: at, label: broken", "f1", "", ""),
        (
            "anomaly",
            SERIES,
            "time: at",
            "false_alarm_rate",
            "f1",
            "a column of labels, .* one of 'score', 'false_alarm",
        ),
    ],
)
def test_a_metric_that_cannot_be_measured_on_the_data_is_refused_before_the_training(
    store: Store, project_type: str, content: str, settings: str, measured: str, other: str, why: str
):
    project = store.projects.create(store.users.create("ada", b"long enough"), "house", project_type)
    import_file(store, project, content.encode())
    for metric in (measured, "score"):
        check_in(store, project, read_experiment(document(project_type, settings, metric).encode()))
    if other:
        with pytest.raises(InvalidInput, match=f"line 4, column 22: evaluation.metric: {other} needs {why}"):
            check_in(store, project, read_experiment(document(project_type, settings, other).encode()))


def test_without_a_target_it_is_the_target_that_is_missing(store: Store):
    project = store.projects.create(store.users.create("ada", b"long enough"), "house", "tabular")
    import_file(store, project, TABLE.encode())
    text = "name: x\ntype: tabular\ndata: {project: house}\nevaluation: {metric: r2, minimum: 0}\n"
    check_in(store, project, read_experiment(text.encode()))
