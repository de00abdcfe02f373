"""The long fault runs: a seed by which each can be replayed, sizes that can be scaled, and the figures at the end."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Generator, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field

import pytest

_FIGURES = pytest.StashKey[list[str]]()
_SEED = pytest.StashKey[int]()


@dataclass
class Run:
    """One long run.

    Attributes:
        random: the source of everything that is left to chance; the same for the same seed and test.
        figures: what was measured, for the end of the whole run.
    """

    random: random.Random
    scale: float
    figures: list[str] = field(default_factory=list)

    def sized(self, full: int, least: int = 1) -> int:
        """How many of something, at the scale asked for."""
        return max(least, round(full * self.scale))

    def wait(self, shortest: float, longest: float) -> None:
        """Let a random time pass."""
        time.sleep(self.random.uniform(shortest, longest))  # chance is what is waited for, not an event

    def tell(self, figure: str) -> None:
        """Report what was measured."""
        self.figures.append(figure)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("faults", "long fault runs (make faults)")
    group.addoption("--seed", type=int, help="replay the run of this seed; by default a new one")
    group.addoption("--scale", type=float, default=1.0, help="part of the full size, such as 0.15")


@pytest.fixture
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    """The run that a test is."""
    config = request.config
    seed = _seed(config)
    _say(config, f"{request.node.nodeid}: --seed {seed}")
    run = Run(random.Random(f"{seed} {request.node.name}"), config.getoption("scale", 1.0))
    started = time.monotonic()
    yield run
    seconds = time.monotonic() - started
    size = "" if run.scale == 1 else f", scale {run.scale:g}"
    figures = run.figures or ["ended before it measured anything"]
    lines = [f"{request.node.name} ({seconds:.0f} s, seed {seed}{size})", *(f"    {figure}" for figure in figures)]
    config.stash.setdefault(_FIGURES, []).extend(lines)
    for line in lines:
        _say(config, line)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Each failure says how to replay it."""
    report = yield
    if report.failed and "run" in getattr(item, "fixturenames", ()):
        name = item.name.split("[")[0]
        report.sections.append(("replay", f'make faults ARGS="--seed {_seed(item.config)} -k {name}"'))
        _say(item.config, f"failed: {report.longreprtext.splitlines()[-1]}")
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if figures := config.stash.get(_FIGURES, []):
        terminalreporter.section("figures of the fault runs")
        for line in figures:
            terminalreporter.line(line)


def _seed(config: pytest.Config) -> int:
    if _SEED not in config.stash:
        given = config.getoption("seed", None)
        config.stash[_SEED] = secrets.randbelow(1_000_000) if given is None else given
    return config.stash[_SEED]


def _say(config: pytest.Config, line: str) -> None:
    """To the terminal, past the capture of output: who waits for minutes wants to see what runs."""
    capture = config.pluginmanager.getplugin("capturemanager")
    reporter = config.pluginmanager.getplugin("terminalreporter")
    with capture.global_and_fixture_disabled() if capture else nullcontext():
        reporter.ensure_newline()
        reporter.write_line(line)
