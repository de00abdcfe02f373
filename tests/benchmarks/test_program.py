"""Servers under test are started, held still, let go on, and ended."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from benchmarks.serving.bench import alone
from benchmarks.serving.program import HOST, Program, free_port, get
from tests.conftest import wait_until


def web_server(folder: Path) -> Program:
    port = free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", HOST]
    return Program("a server", command, port, "/", folder / "log")


def test_while_one_is_measured_the_others_are_held_still(tmp_path: Path) -> None:
    with web_server(tmp_path).running() as one, web_server(tmp_path).running() as other:
        one.pause()
        with alone([one, other], one):
            assert get(one.program.port, "/") == 200
            assert wait_until(lambda: other.process.status() == psutil.STATUS_STOPPED)
        assert get(other.program.port, "/") == 200
        other.pause()
    for ended in (one, other):
        assert not ended.process.is_running()
        assert get(ended.program.port, "/") == 0


def test_a_server_that_does_not_start_is_told_with_its_log(tmp_path: Path) -> None:
    broken = Program("a server", [sys.executable, "-c", "raise SystemExit(1)"], free_port(), "/", tmp_path / "log")
    with pytest.raises(RuntimeError, match=str(tmp_path / "log")), broken.running():
        pass
