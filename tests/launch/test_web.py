from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

from launch.members import ROOT, is_healthy, member_environment
from launch.web import gunicorn_options
from settings import Settings
from tests.launch.program import Program, free_port, until

SLOW_APP = """
import pathlib, time

def app(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        pathlib.Path(__file__).with_name("begun").touch()
        time.sleep(3)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"whole"]
"""


def test_a_server_that_is_told_to_stop_finishes_its_requests_and_refuses_further_ones(tmp_path: Path):
    (tmp_path / "DIYML.py").write_text(SLOW_APP)
    settings = Settings(data_dir=tmp_path / "data", port=free_port(), web_workers=1)
    environment = {**member_environment(settings), "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    with subprocess.Popen(
        [sys.executable, "-m", "launch.web"], cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL
    ) as server:
        answers: list[tuple[int, bytes]] = []
        client = threading.Thread(target=lambda: answers.append(_get(settings.port, "/slow")))
        try:
            until(lambda: is_healthy("127.0.0.1", settings.port), "server answers")
            client.start()
            until((tmp_path / "begun").exists, "request begun")
        finally:
            server.terminate()
        until(lambda: _refuses(settings.port), "further connections are refused")
        assert answers == []
        client.join()
        assert answers == [(200, b"whole")]
        assert server.wait(20) == 0


def test_an_ipv6_address_is_put_in_brackets():
    assert gunicorn_options(Settings(host="::1", port=7001))["bind"] == "[::1]:7001"


def test_the_app_is_not_loaded_before_the_fork():
    assert not gunicorn_options(Settings()).get("preload_app")
    assert os.sep in gunicorn_options(Settings())["worker_tmp_dir"] or sys.platform != "linux"


def _refuses(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


def _get(port: int, path: str) -> tuple[int, bytes]:
    program = Program.__new__(Program)
    program.settings = Settings(port=port)
    return program.get(path)
