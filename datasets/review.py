"""Labels that held-out predictions find implausible."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from datasets.judgements import Found, Judged, Judgements
from datasets.matching import match
from datasets.snapshot import Annotation, Snapshot, SnapshotImage

OTHER_CLASS, OVERLOOKED, SWAPPED, NOT_FOUND = "other_class", "overlooked_box", "swapped_box", "box_not_found"
_LEAST_CONFIDENCE = 0.5
# A label that a model does not find tells something only where it finds most.
_LEAST_RECALL = 0.7


@dataclass(frozen=True)
class Doubt:
    """What is doubtful about the labels of one image: the worst of it.

    Attributes:
        given: the label; None where one seems to be missing.
        predicted: what was predicted instead; None where nothing was found.
        confidence: of the prediction; of a box that was not found, how many of its class are found, 0 to 1.
        score: 0 to 1, how implausible.
        reason: `other_class`, `overlooked_box`, `swapped_box` or `box_not_found`.
        doubts: how many labels of this image are doubtful.
    """

    given: Annotation | None
    predicted: Found | None
    confidence: float
    score: float
    reason: str
    doubts: int = 1


@dataclass(frozen=True)
class Suspect:
    """An image as it is now, and what a training says against its labels.

    Attributes:
        source: position of the training among those given.
        judgements: to which the indices of the classes refer.
    """

    image: SnapshotImage
    doubt: Doubt
    source: int
    judgements: Judgements


def suspects(snapshot: Snapshot, trainings: Sequence[Judgements]) -> list[Suspect]:
    """Images with doubtful labels, the worst first.

    Each image counts as the newest training has judged it that held it back, as long as its content and its labels are
    those that were judged.

    Args:
        trainings: the newest first.
    """
    waiting: dict[str, list[SnapshotImage]] = defaultdict(list)
    for image in snapshot.images:
        waiting[image.sha256].append(image)
    found: list[Suspect] = []
    for source, judgements in enumerate(trainings):
        doubts = _Doubts(judgements) if judgements.held_back else None
        for judged in judgements.images if doubts else ():
            labels = _labels(judgements.class_ids, judged.labels)
            meant = [i for i in waiting.get(judged.sha256, ()) if _labels(snapshot.class_ids, i.annotations) == labels]
            if meant:
                waiting[judged.sha256] = [image for image in waiting[judged.sha256] if image not in meant]
                if doubts and (doubt := doubts.of(judged)):
                    found += [Suspect(image, doubt, source, judgements) for image in meant]
    return sorted(found, key=lambda suspect: (-suspect.doubt.score, suspect.image.name))


def _labels(ids: Sequence[int], annotations: Sequence[Annotation]) -> list[tuple[int, tuple[float, ...]]]:
    """What can be compared: classes by their stable ids."""
    return sorted((ids[annotation.class_index], annotation.box or ()) for annotation in annotations)


class _Doubts:
    """What one training says against labels.

    Of classes by confident learning (Northcutt et al. 2021, "Confident Learning: Estimating Uncertainty in Dataset
    Labels"): a label is doubtful when another class is predicted with at least the confidence that images of that
    class have on average; how doubtful tells the normalised margin. Of boxes in the manner of Tkachenko et al. 2023,
    "ObjectLab": boxes that were found with at least that confidence where nothing, or something of another class, is
    labelled. Labels that were not found count where the model finds most of their class.
    """

    def __init__(self, judgements: Judgements):
        confidences: dict[int, list[float]] = defaultdict(list)
        labels: dict[int, int] = defaultdict(int)
        for image in judgements.images:
            for annotation in image.labels:
                labels[annotation.class_index] += 1
            for index, confidence in _right(image):
                confidences[index].append(confidence)
        self._usual = {index: sum(values) / len(values) for index, values in confidences.items()}
        self._recall = {index: len(confidences[index]) / count for index, count in labels.items()}

    def of(self, image: Judged) -> Doubt | None:
        """The worst doubt about an image; None when there is none."""
        of_whole = bool(image.labels) and image.labels[0].box is None
        doubts = list(self._of_class(image) if of_whole else self._of_boxes(image))
        if not doubts:
            return None
        worst = max(doubts, key=lambda doubt: doubt.score)
        return Doubt(worst.given, worst.predicted, worst.confidence, worst.score, worst.reason, len(doubts))

    def _sure(self, found: Found) -> bool:
        return found.confidence >= max(_LEAST_CONFIDENCE, self._usual.get(found.class_index, 1.0))

    def _of_class(self, image: Judged) -> Iterator[Doubt]:
        given, best = image.labels[0], image.predictions[0]
        usual = self._usual.get(best.class_index, 1.0)
        if best.class_index == given.class_index or best.confidence < usual:
            return
        own = next((item.confidence for item in image.predictions if item.class_index == given.class_index), 0.0)
        # The margin runs from -1 to 1.
        yield Doubt(given, best, best.confidence, (1 + best.confidence - own) / 2, OTHER_CLASS)

    def _of_boxes(self, image: Judged) -> Iterator[Doubt]:
        right = match(image.labels, image.predictions)
        labels = [label for index, label in enumerate(image.labels) if index not in {pair[0] for pair in right}]
        found = [item for index, item in enumerate(image.predictions) if index not in {pair[1] for pair in right}]
        swapped = match(labels, found, same_class=False)
        for label, item in ((labels[a], found[b]) for a, b in swapped):
            if self._sure(item):
                yield Doubt(label, item, item.confidence, item.confidence, SWAPPED)
        for index, item in enumerate(found):
            # A second box on an object that is labelled and found is the model's mistake.
            covered = match([*image.labels], [item], same_class=False)
            if index not in {pair[1] for pair in swapped} and not covered and self._sure(item):
                yield Doubt(None, item, item.confidence, item.confidence, OVERLOOKED)
        for index, label in enumerate(labels):
            recall = self._recall[label.class_index]
            if index not in {pair[0] for pair in swapped} and recall >= _LEAST_RECALL:
                yield Doubt(label, None, recall, recall / 2, NOT_FOUND)


def _right(image: Judged) -> Iterator[tuple[int, float]]:
    """Class and confidence of the labels that were predicted.

    Of a class of the whole image it is the confidence in the given class, whether or not another is more probable.
    """
    if image.labels and image.labels[0].box is None:
        given = image.labels[0].class_index
        yield from ((given, item.confidence) for item in image.predictions if item.class_index == given)
        return
    for _, index in match(image.labels, image.predictions):
        yield image.predictions[index].class_index, image.predictions[index].confidence
