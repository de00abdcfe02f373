"""The backend's learner beside a plain scikit-learn pipeline, on rows whose columns are independent."""

from __future__ import annotations

import io
import statistics
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import numpy as np
from flask.testing import FlaskClient
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import accuracy_score, balanced_accuracy_score, brier_score_loss, roc_auc_score

from api.moodle.application import build_moodle_app
from moodle.card import Card
from moodle.cells import Cells
from moodle.datafile import LabelledRows
from moodle.ids import SHARED, ModelIds
from moodle.learner.running import Runner
from moodle.model import StoredModel
from moodle.shelves.folder import FolderShelf
from moodle.teaching import teach
from settings import Settings

COLUMNS, VARYING = 365, 115
Chances = np.ndarray


def made(rows: int, seed: int, taught: int = 7) -> LabelledRows:
    """Rows, half of them repeated; the rule is the same for every `seed`.

    Args:
        taught: seed of the rule.
    """
    random, rule = np.random.default_rng(seed), np.random.default_rng(taught)
    places = np.sort(rule.choice(COLUMNS, VARYING, replace=False))
    distinct = (rows + 1) // 2
    values = random.choice([-1, -0.33, 0, 0, 0, 0, 0, 0.33, 1], (distinct, VARYING))
    weights = rule.normal(0, 1, VARYING) * (rule.random(VARYING) < 0.25)
    pairs = rule.choice(VARYING, (12, 2))
    score = values @ weights + 1.5 * (values[:, pairs[:, 0]] * values[:, pairs[:, 1]]).sum(axis=1)
    target = (score + random.normal(0, 0.5, distinct) > 1.0).astype(np.int64)
    often = np.concatenate([np.arange(distinct), random.integers(0, distinct, rows - distinct)])
    features = np.zeros((rows, COLUMNS), np.float32)
    features[:, places] = values[often]
    return LabelledRows(tuple(f"c{n}" for n in range(COLUMNS)), ("0", "1"), Cells.of(features), target[often], ())


def report(name: str, held: LabelledRows, chances: Chances, seconds: float) -> None:
    """One line."""
    said, truth = chances.argmax(axis=1), held.target
    print(
        f"  {name:34} {seconds:7.2f} s  accuracy {accuracy_score(truth, said):.4f}  balanced "
        f"{balanced_accuracy_score(truth, said):.4f}  AUC {roc_auc_score(truth, chances[:, 1]):.4f}  Brier "
        f"{brier_score_loss(truth, chances[:, 1]):.4f}",
        flush=True,
    )


def timed(work: Callable[[], Chances]) -> tuple[Chances, float]:
    """What a work gives, and seconds."""
    began = time.perf_counter()
    return work(), time.perf_counter() - began


def plain(data: LabelledRows, held: LabelledRows) -> Chances:
    """The baseline: gradient boosting with scikit-learn's defaults on the rows as they are."""
    model = HistGradientBoostingClassifier(random_state=0).fit(data.features, data.target)
    return model.predict_proba(held.features)


def ours(files: list[LabelledRows], held: LabelledRows) -> Chances:
    """What the backend makes of files that come one after the other."""
    model: StoredModel | None = None
    for data in files:
        model = teach(model, data)
    if model is None:
        raise ValueError("no file")
    return Runner(model).predict(held.features)


def one_a_file(files: list[LabelledRows], held: LabelledRows) -> Chances:
    """The other way: a model for each file, averaged by rows."""
    model: StoredModel | None = None
    for data in files:
        model = teach(model, data, most_kept_cells=0)
    if model is None:
        raise ValueError("no file")
    return Runner(model).predict(held.features)


def union(files: list[LabelledRows]) -> LabelledRows:
    """All rows as one file."""
    first = files[0]
    features, target = np.concatenate([f.features for f in files]), np.concatenate([f.target for f in files])
    return LabelledRows(first.columns, first.classes, Cells.of(features), target, ())


def compare(files: list[LabelledRows], held: LabelledRows) -> None:
    """Every way on the same rows."""
    print(f"{' + '.join(str(len(f.target)) for f in files)} rows, {len(held.target)} held back")
    together = union(files)
    report("scikit-learn, all rows at once", held, *timed(lambda: plain(together, held)))
    report("DIYML", held, *timed(lambda: ours(files, held)))
    if len(files) > 1:
        report("one model a file, by rows", held, *timed(lambda: one_a_file(files, held)))
        report("scikit-learn, last file only", held, *timed(lambda: plain(files[-1], held)))


def predict() -> None:
    """Ten rows over WSGI, a hundred times."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(moodle_dir=folder, moodle_users="moodle:secret")
        model = teach(None, made(4000, 1))
        FolderShelf(Path(folder)).write(ModelIds(SHARED, "m", "d").model, model.pack(), None)
        client = build_moodle_app(lambda: settings, lambda given: given).test_client()
        seconds = [_ask(client, model.card) for _ in range(110)][10:]
    print(
        f"prediction of 10 rows: median {1000 * statistics.median(seconds):.1f} ms, "
        f"p95 {1000 * sorted(seconds)[94]:.1f} ms (reference, other rows: 364 and 1,155 ms)"
    )


def _ask(client: FlaskClient, card: Card) -> float:
    rows = made(10, 5).features
    lines = [",".join([f"{n}-0", *(f"{v:g}" for v in row)]) for n, row in enumerate(rows)]
    head = f'nfeatures,targetclasses,targettype\n{COLUMNS},"[0,1]",discrete\nsampleid,{",".join(card.columns)}\n'
    content = (head + "\n".join(lines) + "\n").encode()
    credentials = {"Authorization": "Basic " + b64encode(b"moodle:secret").decode()}
    form = {"uniqueid": "m", "dirhash": "d", "dataset": (io.BytesIO(content), "f")}
    began = time.perf_counter()
    answer = client.post("/prediction", data=form, headers=credentials)
    if answer.status_code != 200:
        raise SystemExit(answer.text)
    return time.perf_counter() - began


def small() -> None:
    """Files as small sites send them."""
    for rows in (60, 400, 1904):
        compare([made(rows, 1)], made(1570, 99))


def large() -> None:
    """A file of a large site."""
    compare([made(14_139, 1)], made(1570, 99))


def twice() -> None:
    """Files one after the other."""
    compare([made(318, 1), made(9238, 2)], made(1570, 99))
    compare([made(300, seed) for seed in range(1, 7)], made(1570, 99))


QUESTIONS: dict[str, Callable[[], None]] = {"small": small, "large": large, "twice": twice, "predict": predict}
