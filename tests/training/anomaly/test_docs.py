"""The guide's own detector is one that the registry takes, and the guide names everything there is."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.training.anomaly.series import series, train
from training.anomaly.catalogue import describe
from training.anomaly.detectors.registry import DETECTORS
from training.anomaly.trainer import AnomalyParams

GUIDE = (ROOT / "docs" / "anomaly.md").read_text()


def test_the_guides_detector_is_trained_and_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    module, registration = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    written = types.ModuleType("written_by_the_reader")
    monkeypatch.setitem(sys.modules, written.__name__, written)
    monkeypatch.setitem(DETECTORS, "swing", None)
    vars(written)["DETECTORS"] = DETECTORS
    exec(compile(module + registration, "docs/anomaly.md", "exec"), vars(written))  # noqa: S102
    model, _ = train(series(tmp_path, machines=1), tmp_path, detector="swing", parameters={"quantile": 0.8})
    assert model.card.architecture == "swing"
    assert model.card.export_difference < 1e-9
    assert [one["name"] for one in describe()][-1] == "swing"
    with pytest.raises(ValueError, match="swing knows quantile"):
        AnomalyParams(detector="swing", parameters={"size": 1})


def test_the_guide_names_every_detector_and_every_parameter_with_its_default():
    for name, detector in DETECTORS.items():
        [row] = re.findall(rf"^\| `{name}` \| .*$", GUIDE, re.MULTILINE)
        assert set(re.findall(r"`(\w+)`", row.split("|")[-2])) == set(detector.Params.model_fields)
    for name, field in AnomalyParams.model_fields.items():
        [default] = re.findall(rf"^\| `{name}` \| `?([^|`]*)`? \|", GUIDE, re.MULTILINE)
        given = getattr(field.default, "value", field.default)
        assert default.strip() == (f"{given:g}" if isinstance(given, float) else str(given))
