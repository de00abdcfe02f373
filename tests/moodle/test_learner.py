"""The learner: files say the same as what was fitted, and further files add to what was learned."""

from __future__ import annotations

import numpy as np
import pytest

from moodle import teaching
from moodle.cells import Cells
from moodle.datafile import LabelledRows, read_labelled, read_samples
from moodle.evaluation import Wish, evaluate
from moodle.learner.boosting import fit_boosting
from moodle.learner.fitting import fit, mean
from moodle.learner.member import INPUT, OUTPUT, Member
from moodle.learner.network import Shape, fit_linear, fit_perceptron
from moodle.learner.rows import Rows, hashes
from moodle.learner.running import Runner, open_session
from moodle.learner.seen import Seen
from moodle.model import StoredModel
from moodle.predicting import predictions
from moodle.splitting import split
from moodle.teaching import misses_a_class, teach
from tests.moodle.data import labelled, samples
from utils import InvalidInput


def _numbers(rows: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """With a constant column, huge and tiny values, times, and values that repeat."""
    random = np.random.default_rng(seed)
    features = random.standard_normal((rows, 8)).astype(np.float32)
    features[:, 4], features[:, 5] = 3, random.choice([1e30, 1e-38, 0], rows)
    features[:, 6] = 1.7e9 + random.integers(0, 10**7, rows)
    features[:, 7] = random.integers(0, 3, rows) / 3
    return features, (features[:, :classes] + random.normal(0, 0.3, (rows, classes))).argmax(axis=1)


def _fitted(kind: str, features: np.ndarray, target: np.ndarray) -> Member:
    ones = np.ones(len(target))
    return {
        "linear": lambda: fit_linear(features, target, ones),
        "perceptron": lambda: fit_perceptron(features, target, ones, 1),
        "deep": lambda: fit_perceptron(features, target, ones, 1, Shape((8, 8), "relu", 50)),
        "boosting": lambda: fit_boosting(features, target, ones, 1),
    }[kind]()


@pytest.mark.parametrize("leaning", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("kind", ["linear", "perceptron", "deep", "boosting"])
def test_the_file_says_the_same_as_what_was_fitted(classes: int, kind: str, leaning: bool):
    features, target = _numbers(150, classes)
    member = _fitted(kind, features, target)
    member = member.tilted(np.arange(float(classes))) if leaning else member
    others = np.concatenate([features, _numbers(300, classes, 9)[0], np.zeros((1, 8), np.float32)])
    said = open_session(member.onnx()).run([OUTPUT], {INPUT: others})[0]
    assert said.dtype == np.float32
    assert np.abs(said - member.predict(others)).max() < 1e-5
    assert np.array_equal(said.argmax(axis=1), member.predict(others).argmax(axis=1))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("kind", ["linear", "deep", "boosting"])
def test_a_tilt_moves_the_logits_by_what_was_asked_and_leaves_the_other_as_it_was(classes: int, kind: str):
    features, target = _numbers(150, classes)
    member, by = _fitted(kind, features, target), np.linspace(0.7, -0.2, classes)
    before = member.predict(features)
    odds = before * np.exp(by)
    assert np.abs(member.tilted(by).predict(features) - odds / odds.sum(axis=1, keepdims=True)).max() < 1e-9
    assert np.array_equal(member.predict(features), before)


@pytest.mark.parametrize("share", [0.1, 0.02])
def test_rarer_classes_get_more_say_and_never_much_more(share: float):
    random = np.random.default_rng(0)
    features = random.standard_normal((4_000, 3)).astype(np.float32)
    target = (random.random(4_000) < share).astype(np.int64)  # nothing tells them apart
    said = mean(fit(Rows.distinct(features, target)), features)[:, 1].mean()
    assert 1.1 < said / target.mean() < 1.5


def test_rows_in_which_nothing_varies_give_the_shares_of_the_classes():
    data = np.zeros((4, 3), np.float32)
    rows = Rows.distinct(data, np.array([0, 0, 0, 1]))
    assert rows.counts.tolist() == [3, 1]
    for member in fit(rows):
        assert member.predict(data)[0] == pytest.approx([0.75, 0.25], abs=1e-6)
        assert open_session(member.onnx()).run([OUTPUT], {INPUT: data})[0][0] == pytest.approx([0.75, 0.25], abs=1e-6)


def _same(rows: Rows, others: Rows) -> bool:
    pairs = zip((rows.features, rows.target, rows.counts), (others.features, others.target, others.counts), strict=True)
    return all(np.array_equal(one, other) for one, other in pairs)


def test_rows_are_the_same_whether_what_repeats_is_kept_once_or_not():
    random = np.random.default_rng(3)
    cells = Cells(random.integers(0, 2, (40, 4)).astype(np.float32), random.integers(0, 40, 300))
    target = random.integers(0, 3, 300)
    assert _same(Rows.of_cells(cells, target), Rows.distinct(cells.rows(), target))
    unlike = Cells.of(np.arange(30, dtype=np.float32).reshape(10, 3))
    held = Rows.of_cells(unlike, np.arange(10) % 2)
    assert _same(held, Rows.distinct(unlike.distinct, np.arange(10) % 2))
    assert np.shares_memory(held.features, unlike.distinct)


def test_a_union_of_rows_counts_what_comes_again_whoever_has_it_twice():
    random = np.random.default_rng(4)
    twice, more = (
        Rows(random.integers(0, 2, (count, 3)).astype(np.float32), random.integers(0, 2, count), np.ones(count))
        for count in (20, 30)
    )
    united = Rows.distinct(np.concatenate([twice.features, more.features]), np.concatenate([twice.target, more.target]))
    assert _same(twice.and_more(more), united)


def test_equal_rows_count_as_often_as_they_came():
    first = Rows.distinct(np.array([[1, 0], [1, 0], [2, 0]], np.float32), np.array([0, 0, 1]))
    both = first.and_more(Rows.distinct(np.array([[1, -0.0], [1, 0]], np.float32), np.array([0, 1])))
    assert both.total == 5
    assert both.counts.tolist() == [3, 1, 1]
    again = Rows.unpack(both.pack(), 2, 2)
    assert again.features.tolist() == both.features.tolist()
    for columns, classes, content in ((3, 2, both.pack()), (2, 1, both.pack()), (2, 2, b"cos\nsystem\n")):
        with pytest.raises(InvalidInput, match="rows that the model keeps"):
            Rows.unpack(content, columns, classes)


@pytest.mark.parametrize("classes", [(0, 1), ("low", "middle", "high")])
def test_a_model_predicts_what_its_rows_show(classes: tuple):
    model = teach(None, read_labelled(labelled(120, classes=classes)))
    content, truth = samples(100, classes=classes)
    answer = predictions(Runner(StoredModel.unpack(model.pack())), read_samples(content))
    assert [row[0] for row in answer["predictions"][:2]] == ["0-0", "1-0"]
    assert all(isinstance(cell, str) for row in answer["predictions"] for cell in row)
    assert all(1 / len(classes) <= float(row[2]) <= 1 for row in answer["predictions"])
    assert np.mean([row[1] == right for row, right in zip(answer["predictions"], truth, strict=True)]) > 0.85


def test_a_further_file_is_learned_from_together_with_those_before():
    first = teach(None, read_labelled(labelled(60, seed=1)))
    second = teach(first, read_labelled(labelled(60, seed=2)))
    assert len(second.card.trainings) == 2
    assert {part.rows for part in second.card.parts} == {120}
    at_once = teach(None, read_labelled(labelled(60, seed=1) + labelled(60, seed=2).split(b"\n", 3)[3]))
    rows = read_samples(samples(30)[0])
    assert predictions(Runner(second), rows) == predictions(Runner(at_once), rows)


def test_classes_in_another_order_are_the_same_classes():
    first, again = labelled(60, classes=("no", "yes")), labelled(60, classes=("no", "yes"), seed=2)
    turned = again.replace(b'[""no"",""yes""]', b'[""yes"",""no""]')
    assert turned != again
    model = teach(None, read_labelled(first))
    known, other = (teach(model, read_labelled(content)) for content in (again, turned))
    assert other.card.classes == ("no", "yes")
    rows = read_samples(samples(30, classes=("no", "yes"))[0])
    assert predictions(Runner(other), rows) == predictions(Runner(known), rows)
    wish = Wish(0.5, 0.5, 2, 1)
    scored = [evaluate(read_labelled(content), wish, model).answer for content in (again, turned)]
    assert scored[0]["accuracy"] > 0.8
    assert scored[0]["auc"] > 0.8
    assert scored[1]["auc"] > 0.8


def test_past_their_bound_rows_are_not_kept_and_what_they_taught_stays():
    first = teach(None, read_labelled(labelled(60, seed=1)), most_kept_cells=100)
    assert first.card.kept is None
    second = teach(first, read_labelled(labelled(30, seed=2)), most_kept_cells=1000)
    assert {part.sha256 for part in first.card.parts} < {part.sha256 for part in second.card.parts}
    assert {part.generation for part in second.card.parts} == {0, 1}
    closed = [
        weight for weight, part in zip(second.card.weights(), second.card.parts, strict=True) if not part.generation
    ]
    assert sum(closed) == pytest.approx(2 / 3)
    third = teach(second, read_labelled(labelled(30, seed=3)), most_kept_cells=1000)
    assert {(part.generation, part.rows) for part in third.card.parts} == {(0, 60), (1, 60)}
    assert sum(third.card.weights()) == pytest.approx(1)


def test_a_file_that_does_not_fit_to_the_model_is_told():
    model = teach(None, read_labelled(labelled(30)))
    with pytest.raises(InvalidInput, match="trained on 6 features, this file has 7"):
        teach(model, read_labelled(labelled(30, features=7)))
    with pytest.raises(InvalidInput, match="apart, this file"):
        teach(model, read_labelled(labelled(30, classes=(0, 1, 2))))
    with pytest.raises(InvalidInput, match="the target holds '7'"):
        teach(None, read_labelled(labelled(30) + b"0,0,0,0,0,0,7\n"))


def test_a_class_without_a_sample_is_noticed():
    assert misses_a_class(read_labelled(labelled(5, classes=(0, 1)).replace(b",1\n", b",0\n")))
    assert not misses_a_class(read_labelled(labelled(5)))


def test_a_file_that_says_something_else_than_what_was_trained_is_not_kept(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(teaching, "TOLERANCE", -1)
    with pytest.raises(teaching.Conflict, match="differs from what was trained"):
        teach(None, read_labelled(labelled(10)))


def test_a_split_holds_back_a_fifth_of_each_class_and_trains_on_every_class():
    target = np.array([0] * 50 + [1] * 20 + [2])
    train, held = split(target, np.random.default_rng(0))
    assert sorted([*train, *held]) == list(range(71))
    assert np.bincount(target[held], minlength=3).tolist() == [10, 4, 0]
    assert set(target[train]) == {0, 1, 2}
    train, held = split(np.array([0, 0, 1]), np.random.default_rng(0))
    assert len(held) == 1
    assert not np.array_equal(split(target, np.random.default_rng(1))[1], split(target, np.random.default_rng(2))[1])


def _repeated(agree: float, rows: int = 600) -> LabelledRows:
    """Random rows that say nothing of their class; each comes twice, the second time mostly with the same class."""
    random = np.random.default_rng(5)
    features = random.standard_normal((rows // 2, 6)).astype(np.float32)
    target = random.integers(0, 2, rows // 2)
    again = np.where(random.random(rows // 2) < agree, target, 1 - target)
    names = tuple(f"c{place}" for place in range(6))
    return LabelledRows(names, ("0", "1"), Cells.of(np.tile(features, (2, 1))), np.concatenate([target, again]), ())


def test_a_row_that_was_seen_is_told_by_what_came_of_it_when_equal_rows_agree():
    data = _repeated(1.0)
    model = StoredModel.unpack(teach(None, data).pack())
    assert model.card.seen
    said = Runner(model).predict(data.features).argmax(axis=1)
    assert np.array_equal(said, data.target)
    unseen = data.features + np.float32(1e-3)
    alone = Runner(StoredModel(model.card.model_copy(update={"seen": None}), model.files))
    assert np.array_equal(Runner(model).predict(unseen), alone.predict(unseen))
    assert not np.array_equal(Runner(model).predict(data.features), alone.predict(data.features))
    scored = evaluate(data, Wish(0, 1, 2, 1)).answer["accuracy"]
    assert 0.7 < scored < 0.95  # four in five of the rows that are held back have their equal among the others


def test_rows_are_not_looked_up_when_equal_rows_disagree_or_none_came_twice():
    assert teach(None, _repeated(0.5)).card.seen is None
    once = _repeated(1.0)
    features, target = once.features[:300], once.target[:300]
    assert teach(None, LabelledRows(once.columns, once.classes, Cells.of(features), target, ())).card.seen is None


def test_the_order_of_rows_and_the_sign_of_zero_do_not_matter_to_what_was_seen():
    rows = Rows.distinct(np.array([[1, 0], [0, 2], [1, 0], [3, 3]], np.float32), np.array([0, 1, 1, 0]))
    seen = Seen.of(rows, lambda features: np.full((len(features), 2), 0.5))
    assert seen is None  # the one row that came twice came with both classes
    keys, group = np.unique(hashes(rows.features), return_inverse=True)
    counts = np.zeros((len(keys), 2))
    np.add.at(counts, (group, rows.target), rows.counts)
    seen, half = Seen.unpack(Seen(keys, counts, 1.0).pack(), 2), np.full((3, 2), 0.5)
    told = seen.mixed(np.array([[-0.0, 2], [1, -0.0], [9, 9]], np.float32), half)
    assert told == pytest.approx(np.array([[0.25, 0.75], [0.5, 0.5], [0.5, 0.5]]))


def test_what_was_seen_is_refused_when_it_is_not_sound():
    keys, counts = np.array([1, 2], np.uint64), np.ones((2, 2))
    for content in (
        b"cos\nsystem\n",
        Seen(keys[::-1], counts, 1.0).pack(),
        Seen(keys, counts[:1], 1.0).pack(),
        Seen(keys, counts * np.nan, 1.0).pack(),
        Seen(keys, counts, 0.0).pack(),
        Seen(keys[:0], counts[:0], 1.0).pack(),
    ):
        with pytest.raises(InvalidInput, match="rows that the model"):
            Seen.unpack(content, 2)
