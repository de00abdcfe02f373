"""`kill -9` of each part in the middle of uploads and a training: nothing acknowledged is lost, every job ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.conftest import encoded, wait_until
from tests.faults.conftest import Platform, Uploader
from tests.training.conftest import shade

pytestmark = pytest.mark.story
PARTS = {
    "training process": "training.run",
    "worker": "training.worker",
    "web server": "launch.web",
    "inference": "inference.service",
    "database": "mongod",
}
CROWD = 500  # several times as many as the web server has threads


@pytest.mark.parametrize("part", PARTS)
def test_killing_a_part_loses_nothing_and_needs_no_hand(platform: Platform, part: str) -> None:
    uploader = uploading_beside_a_training(platform, part)
    before = len(platform.acknowledged)
    platform.kill(PARTS[part])
    wait_until(lambda: len(platform.acknowledged) > before + 20, 60)
    uploader.end()
    all_is_well(platform)


def test_while_inference_is_killed_again_and_again_every_answer_is_right_or_come_back(platform: Platform) -> None:
    assert platform.call("PUT", "/publish", project_name="shades", is_published="True").status_code == 200
    wait_until(lambda: predicted(platform).status_code == 200, 60)
    right = predicted(platform).json()["results"]
    for _ in range(3):
        platform.kill(PARTS["inference"])
        answers = [predicted(platform)]
        wait_until(lambda answers=answers: answers.append(predicted(platform)) or answers[-1].ok, 60)  # type: ignore[misc]
        assert {answer.status_code for answer in answers} <= {200, 503}
        assert all("Retry-After" in answer.headers for answer in answers if answer.status_code == 503)
        assert all(answer.json()["results"] == right for answer in answers if answer.ok)


def predicted(platform: Platform) -> requests.Response:
    return platform.call("POST", "/api/v1/published/shades/predict", image=encoded(shade(50, 1)))


def test_killing_everything_at_once_loses_nothing(platform: Platform) -> None:
    assert platform.call("PUT", "/publish", project_name="shades", is_published="True").status_code == 200
    asked = platform.call("POST", "/inference", project_name="shades", image_data=encoded(shade(50, 1))).json()
    result = f"/inference?inference_mapping={asked['inference_mapping']}"
    answer = platform.call("GET", result).json()
    uploader = uploading_beside_a_training(platform, "everything")
    assert platform.process is not None
    platform.process.kill()
    platform.process.wait()
    uploader.end()
    platform.start()
    assert platform.call("GET", result).json() == answer
    all_is_well(platform)


def test_a_database_that_stands_still_makes_no_crowd_wait(platform: Platform) -> None:
    (mongod,) = platform.members("mongod")
    mongod.suspend()
    wait_until(lambda: stands_still(mongod.pid))  # its threads stop one by one, and some may still answer
    try:
        with ThreadPoolExecutor(CROWD) as pool:
            answers = list(
                pool.map(lambda _: platform.call("POST", "/upload/project", project_name="shades"), range(CROWD))
            )
    finally:
        mongod.resume()
    assert {(answer.status_code, "Retry-After" in answer.headers) for answer in answers} == {(503, True)}
    assert max(answer.elapsed.total_seconds() for answer in answers) < 5
    wait_until(lambda: platform.call("POST", "/upload/project", project_name="shades").status_code == 200, 30)


def stands_still(pid: int) -> bool:
    """Whether each thread of a process is stopped by a signal."""
    stats = [stat.read_text() for stat in Path(f"/proc/{pid}/task").glob("*/stat")]
    return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)


def uploading_beside_a_training(platform: Platform, prefix: str) -> Uploader:
    platform.train(epochs=25)
    wait_until(lambda: platform.training()["epoch"] >= 1, 60)
    uploader = Uploader(platform, prefix)
    before = len(platform.acknowledged)
    uploader.start()
    wait_until(lambda: len(platform.acknowledged) > before + 20, 30)
    assert platform.training()["state"] == "running"
    return uploader


def all_is_well(platform: Platform) -> None:
    shown = wait_until(lambda: _ended(platform), 120)
    assert shown["state"] == "succeeded", shown
    stored = platform.whole_images()
    assert {name: stored.get(name) for name in platform.acknowledged} == platform.acknowledged


def _ended(platform: Platform) -> dict[str, object] | None:
    shown = platform.training()
    return shown if shown["state"] in ("succeeded", "failed", "cancelled") else None
