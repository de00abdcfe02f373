"""Labelled series of machines that are made: sensors of one process, with drift, and one fault each.

Two machines that share no equation, so that what is chosen by one can be looked at in the other: `rig`, sensors that
mix a few slow causes, and `loop`, a pump, a valve and water. Each series begins with normal operation; then sensors
may sit a little elsewhere, without that being a fault; then comes a fault of some hundred rows, and an end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

HEAD_ROWS = 400


@dataclass(frozen=True)
class Labelled:
    """One series.

    Attributes:
        values: float64 [n, sensors].
        labels: bool [n], the fault; never in the first `HEAD_ROWS`.
        fault: its kind.
    """

    values: np.ndarray
    labels: np.ndarray
    fault: str


@dataclass(frozen=True)
class World:
    """How hard the series are.

    Attributes:
        noise: of the sensors, in deviations of what they measure.
        drift: slow wandering over a series, in deviations.
        moved: by how much sensors sit elsewhere after the head, in deviations.
        coarse: steps of the sensors, in deviations.
        smooth: autocorrelation of the noise, 0 to 1.
        strength: of the faults, in deviations.
    """

    noise: float = 0.5
    drift: float = 0.5
    moved: float = 0.5
    coarse: float = 0.2
    smooth: float = 0.3
    strength: float = 2.5


WORLDS = {
    "calm": World(drift=0.1, moved=0.0, noise=0.3),
    "usual": World(),
    "drifting": World(drift=1.5, moved=1.0, strength=3.0),
    "noisy": World(noise=1.2, smooth=0.0),
    "coarse": World(coarse=1.0, smooth=0.7),
    "faint": World(strength=1.2, drift=0.3, moved=0.3),
}


def make(kind: str, world: World, seed: int) -> Labelled:
    """One series of `rig` or `loop`; always the same of a seed."""
    random = np.random.default_rng([seed, list(KINDS).index(kind)])
    rows = int(random.integers(1000, 1200))
    start = int(random.integers(HEAD_ROWS + 80, HEAD_ROWS + 250))
    stop = min(rows - 60, start + int(random.integers(250, 420)))
    values, fault = KINDS[kind](random, world, rows, start, stop)
    labels = np.zeros(rows, dtype=bool)
    labels[start:stop] = True
    return Labelled(values, labels, fault)


def wandering(random: np.random.Generator, rows: int, smooth: float) -> np.ndarray:
    """An autoregression of first order with deviation 1."""
    steps = random.normal(size=rows) * np.sqrt(1 - smooth**2)
    values = np.empty(rows)
    level = float(random.normal())
    for row in range(rows):
        level = smooth * level + steps[row]
        values[row] = level
    return values


def _ramp(random: np.random.Generator, rows: int, start: int, stop: int) -> np.ndarray:
    """0 before the fault, up to 1 within it, at once or slowly, and back at its end."""
    rise = int(random.choice([1, 20, 100]))
    shape = np.zeros(rows)
    shape[start:stop] = np.minimum(1.0, np.arange(1, stop - start + 1) / rise)
    return shape


def _sensed(random: np.random.Generator, clean: np.ndarray, world: World) -> np.ndarray:
    """With noise, drift, and a place that changes after the head; in units of the sensors, in steps."""
    rows, sensors = clean.shape
    noise = np.stack([wandering(random, rows, world.smooth) for _ in range(sensors)], 1)
    drift = np.cumsum(random.normal(size=(rows, sensors)), 0) / np.sqrt(rows)
    drift[:, random.random(sensors) < 0.5] = 0.0
    moved = np.zeros((rows, sensors))
    for _ in range(2):
        at, which = int(random.integers(HEAD_ROWS - 100, rows - 100)), int(random.integers(sensors))
        moved[at:, which] += random.normal() * world.moved
    level = clean + world.noise * noise + world.drift * drift + moved
    steps = world.coarse * random.uniform(0, 1, sensors) + 1e-9
    units = 10 ** random.uniform(-2, 2, sensors)
    return np.round(level / steps) * steps * units + random.normal(size=sensors) * 10 * units


def rig(random: np.random.Generator, world: World, rows: int, start: int, stop: int) -> tuple[np.ndarray, str]:
    """Eight sensors that mix three slow causes."""
    causes = np.stack([wandering(random, rows, smooth) for smooth in (0.99, 0.9, 0.5)], 1)
    mix = random.normal(size=(3, 8)) * 0.7
    hit = random.choice(8, int(random.integers(1, 4)), replace=False)
    shape = _ramp(random, rows, start, stop)[:, None] * world.strength
    fault = str(random.choice(["level", "cause", "decoupled", "shaking", "stuck", "swinging", "bursts"]))
    if fault == "cause":
        causes = causes + shape * random.normal(size=3)
    clean = causes @ mix
    inside = slice(start, stop)
    if fault == "level":
        clean[:, hit] += shape * random.choice([-1, 1], len(hit))
    if fault == "decoupled":
        clean[inside, hit] = np.stack([wandering(random, stop - start, 0.9) for _ in hit], 1) * world.strength
    if fault == "shaking":
        clean[:, hit] += shape * random.normal(size=(rows, len(hit)))
    if fault == "swinging":
        clean[:, hit] += shape * np.sin(np.arange(rows) / random.uniform(1.5, 8))[:, None]
    if fault == "bursts":
        clean[:, hit] += 2 * shape * (random.random((rows, len(hit))) < 0.2)
    values = _sensed(random, clean, world)
    if fault == "stuck":
        values[inside, hit] = values[start, hit] + 2 * world.strength * values[:HEAD_ROWS, hit].std(0)
    return values, fault


def loop(random: np.random.Generator, world: World, rows: int, start: int, stop: int) -> tuple[np.ndarray, str]:
    """Water that a pump drives round: two vibrations, current, pressure, two temperatures, voltage, flow."""
    shape = _ramp(random, rows, start, stop) * world.strength / 12
    fault = str(random.choice(["valve", "leak", "imbalance", "cavitation", "heat", "flow"]))
    amount = {name: shape if fault == name else np.zeros(rows) for name in ("valve", "leak", "imbalance", "heat")}
    hollow = shape if fault == "cavitation" else np.zeros(rows)
    speed = 1 + 0.01 * wandering(random, rows, 0.95)
    opened = np.clip(1 - 0.6 * amount["valve"], 0.1, None)
    flow = speed * np.sqrt(opened) * (1 - 0.3 * amount["leak"]) * (1 - 0.1 * hollow)
    if fault == "flow":
        flow = flow * (1 - 0.15 * shape * (np.sin(np.arange(rows) / 12) > 0))
    pressure = speed**2 / opened * (1 - 0.25 * amount["leak"]) - 0.2 * hollow * random.random(rows)
    current = 0.5 + 0.5 * flow * pressure + 0.2 * amount["imbalance"]
    outside = world.drift * 0.05 * np.cumsum(random.normal(size=rows)) / np.sqrt(rows)
    warm = np.zeros(rows)
    for row in range(1, rows):
        gain = current[row] - 1 + 2 * amount["heat"][row] + outside[row]
        warm[row] = warm[row - 1] + 0.03 * (gain - warm[row - 1])
    wall = np.convolve(warm, np.ones(20) / 20)[:rows]
    shaken = (1 + amount["imbalance"] + hollow) * np.exp(0.1 * wandering(random, rows, 0.2))
    other = (1 + 0.5 * amount["imbalance"] + 0.8 * hollow) * np.exp(0.1 * wandering(random, rows, 0.2))
    voltage = 1 - 0.02 * current + 0.02 * random.normal(size=rows)
    spread = np.array([0.15, 0.15, 0.05, 0.06, 0.08, 0.08, 0.02, 0.04])
    clean = np.stack([shaken, other, current, pressure, warm, wall, voltage, flow], 1) / spread
    return _sensed(random, clean, world), fault


KINDS: dict[str, Callable[[np.random.Generator, World, int, int, int], tuple[np.ndarray, str]]] = {
    "rig": rig,
    "loop": loop,
}
