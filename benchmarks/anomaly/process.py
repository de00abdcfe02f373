"""Labelled series of a chemical plant: the Tennessee Eastman process (Downs and Vogel, 1993), 52 sensors, 21 faults.

The simulations are those of Chiang, Russell and Braatz (2001) as the package BibMon carries them: a row each three
minutes; one without a fault, and one for each fault, which begins after 160 rows. Three faults (3, 9 and 15) are known
to change next to nothing that is measured.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.anomaly.made import HEAD_ROWS, Labelled

FAULTS = range(1, 22)
_PACKAGE, _FOLDER = "bibmon", "tennessee_eastman"
_NORMAL_ROWS = 160
_SENSORS = 52


def plant(sensors: int, fault: int, seed: int) -> Labelled:
    """Normal rows, a fault of some hundred rows, and normal rows again; always the same of a seed.

    Args:
        sensors: how many, drawn anew for each fault and seed; 52 are all.
    """
    random = np.random.default_rng([seed, fault])
    first = int(random.integers(0, 100))
    after = int(random.integers(0, 600))
    length = int(random.integers(200, 380))
    shown = np.sort(random.choice(_SENSORS, sensors, replace=False))
    calm, faulty = _rows("d00_te"), _rows(f"d{fault:02d}_te")
    head = _rows("d00")[first : first + HEAD_ROWS]
    values = np.concatenate([head, faulty[: _NORMAL_ROWS + length], calm[after : after + 200]])[:, shown]
    labels = np.zeros(len(values), dtype=bool)
    labels[HEAD_ROWS + _NORMAL_ROWS :][:length] = True
    return Labelled(values, labels, str(fault))


@cache
def _rows(name: str) -> np.ndarray:
    """float64 [rows, 52]; the package itself, which loads much, is not imported."""
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise SystemExit("The Tennessee Eastman process is not here: run `make install-bench`.")
    values = np.loadtxt(Path(found.submodule_search_locations[0]) / _FOLDER / f"{name}.dat")
    return values if values.shape[1] == _SENSORS else values.T
