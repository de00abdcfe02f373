from __future__ import annotations

from pathlib import Path

from datasets.snapshot import Annotation, Dataset, Sample
from tests.datasets.samples import image, snapshot


def test_a_dataset_comes_back_from_its_file_as_it_was(tmp_path: Path):
    odd = ('5" nail', "猫", "{x}", "a: b")
    samples = (
        Sample(Path("/data/a b.png"), 3, 4, (Annotation(0, (0.1, 0.2, 0.3, 1 / 3)), Annotation(3))),
        Sample(Path("/data/ü.png"), 1, 1, ()),
    )
    dataset = Dataset("detection", odd, samples, samples[:1], "digest", val_is_train=True)
    dataset.write(tmp_path / "dataset.json")
    assert Dataset.read(tmp_path / "dataset.json") == dataset


def test_the_digest_follows_content_and_not_order():
    images = [image("a", 0), image("b", 1)]
    digest = snapshot(*images).digest()
    assert snapshot(*reversed(images)).digest() == digest
    different = [
        snapshot(image("a", 0), image("b", 0)),
        snapshot(image("a", 0), image("c", 1)),
        snapshot(image("a", 0), image("b", 1, content="other")),
        snapshot(*images, classes=3),
    ]
    assert len({digest, *(item.digest() for item in different)}) == 5
