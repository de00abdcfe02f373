"""The code of the guide runs against a trained model, without the libraries that trained it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT
from tests.training.recorder import Recorder
from tests.training.tabular.tables import table, workspace
from training.tabular.algorithms.registry import ALGORITHMS
from training.tabular.trainer import TabularParams, TabularTrainer

GUIDE = (ROOT / "docs" / "tables-models.md").read_text()


def test_a_downloaded_file_runs_as_the_guide_says(tmp_path: Path):
    params = TabularParams(algorithm="linear")
    model = TabularTrainer().fit(table(tmp_path, 2), params, workspace(tmp_path / "work"), Recorder())
    [code] = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    assert len(code.split("\n\n")[1].splitlines()) == 5
    code += "import sys\nassert not {'sklearn', 'polars', 'training', 'inference'} & set(sys.modules)\n"
    folder = model.onnx_path.parent
    run = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert "'numbers': ['height', 'steps', 'always', 'empty']" in run.stdout


def test_the_guide_names_every_algorithm():
    assert set(re.findall(r"^\| `(\w+)` \| [^0-9`{]", GUIDE, re.MULTILINE)) >= set(ALGORITHMS)
