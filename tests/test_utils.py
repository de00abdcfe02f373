from __future__ import annotations

import pytest

from utils import without_folders


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cannot open '/srv/our data/jobs/1-1/model.onnx'", "cannot open 'model.onnx'"),
        ('  File "/opt/diyml/training/run.py", line 60', '  File "run.py", line 60'),
        ("saved to /srv/data/jobs/1-1/run", "saved to run"),
        ("epoch 1/3, 4.5 images/s, and/or https://example.org/a/b", None),
    ],
)
def test_of_a_path_only_the_last_part_is_told(text: str, shown: str | None):
    assert without_folders(text) == (text if shown is None else shown)
