"""What a training tells of where it runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.conftest import ROOT

TOLD = """
import json, sys
from training.environment import environment
print(json.dumps([environment(), "torch" in sys.modules]))
"""


def test_where_no_gpu_is_to_be_seen_torch_is_not_asked_for_one():
    seen = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    run = subprocess.run([sys.executable, "-c", TOLD], capture_output=True, text=True, check=True, cwd=ROOT, env=seen)
    told, has_torch = json.loads(run.stdout)
    assert not has_torch
    assert (told["device"]["kind"], told["device"]["name"]) == ("cpu", told["device"]["cpu"])
    assert told["device"]["threads"] == len(os.sched_getaffinity(0))
    assert {"torch", "scikit-learn"} <= told["libraries"].keys()
