"""`deploy/nginx.conf` in front of two web servers: uploads, live streams, and a web server that is lost."""

from __future__ import annotations

import dataclasses
import http.client
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from launch.family import Family, Member
from launch.members import is_healthy, member_environment, worker_member
from settings import Settings
from tests.cluster.rabbitmq import free_ports
from tests.conftest import PASSWORD, ROOT, encoded, wait_until
from tests.training.conftest import shade

NGINX = shutil.which("nginx")
MOST_BYTES = 64 * 1024 * 1024

pytestmark = [
    pytest.mark.story,
    pytest.mark.skipif(NGINX is None, reason="no nginx on this machine: apt-get install nginx-light"),
]


@dataclass
class Site:
    """What a user sees, and the web servers behind it."""

    port: int
    webs: list[Member]
    token: str = ""

    def call(self, method: str, path: str, **parameters: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        body = parameters or None
        return requests.request(method, f"http://127.0.0.1:{self.port}{path}", json=body, headers=headers, timeout=30)

    def done(self, method: str, path: str, **parameters: Any) -> requests.Response:
        """Ask as long as the answer is to try again later."""

        def answered() -> requests.Response | None:
            answer = self.call(method, path, **parameters)
            assert answer.status_code < 500 or "Retry-After" in answer.headers, answer.text
            return answer if answer.status_code < 500 else None

        answer: requests.Response = wait_until(answered, 30, every=0.2)
        assert answer.ok, answer.text
        return answer

    def lose(self, web: Member) -> None:
        """`kill -9` of a web server with all its processes."""
        assert web.process
        parent = psutil.Process(web.process.pid)
        for process in [parent, *parent.children(recursive=True)]:
            process.kill()
        web.process.wait()


@pytest.fixture(scope="module")
def site(mongo_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    port, *web_ports = free_ports(3)
    settings = Settings(
        mongo_uri=mongo_uri,
        database="test_nginx",
        data_dir=folder / "worker",
        web_workers=1,
        bcrypt_rounds=4,
        heartbeat_seconds=0.2,
        trusted_proxies=1,
        training_niceness=0,
    )
    webs = [web_server(dataclasses.replace(settings, port=each, data_dir=folder / str(each))) for each in web_ports]
    worker = worker_member(settings, folder / "worker" / "worker.log")
    family = Family([*webs, worker, nginx(folder / "nginx", port, web_ports)], sys.stderr.write)
    try:
        family.start()
        yield Site(port, webs)
    finally:
        family.stop()


def web_server(settings: Settings) -> Member:
    return Member(
        name="web server",
        command=[sys.executable, str(ROOT / "DIYML.py"), "web"],
        environment=member_environment(settings),
        log=settings.data_dir / "web.log",
        ready=lambda: is_healthy(settings.host, settings.port),
        stop_seconds=30,
    )


def nginx(folder: Path, port: int, web_ports: list[int]) -> Member:
    """The file as it is delivered, with other addresses and folders."""
    folder.mkdir()
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    changes = {
        "listen 8080": f"listen 127.0.0.1:{port}",
        "/run/nginx.pid": f"{folder}/pid",
        "/var/cache/nginx": f"{folder}",
    }
    for number, web_port in enumerate(web_ports, 1):
        changes[f"web-{number}:7001"] = f"127.0.0.1:{web_port}"
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    file = folder / "nginx.conf"
    file.write_text(text)
    return Member(
        name="nginx",
        command=[str(NGINX), "-c", str(file), "-e", "stderr", "-g", f"daemon off; user {psutil.Process().username()};"],
        environment={},
        log=folder / "nginx.log",
        ready=lambda: is_healthy("127.0.0.1", port),
    )


def events(answer: requests.Response) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Id, kind and data of each event, as they come, until the stream ends or breaks."""
    number, kind = 0, ""
    try:
        for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
            name, _, value = line.partition(": ")
            if name == "id":
                number = int(value)
            elif name == "event":
                kind = value
            elif name == "data" and kind != "queue":
                yield number, kind, json.loads(value)
    except requests.RequestException:
        return


def follow(site: Site, job_url: str, last: int) -> requests.Response:
    headers = {"Authorization": f"Bearer {site.token}", "Last-Event-ID": str(last)}
    address = f"http://127.0.0.1:{site.port}{job_url}/events"
    return requests.get(address, headers=headers, stream=True, timeout=30)


def prepare(site: Site) -> None:
    site.token = site.done("PUT", "/auth", username="ada", password=PASSWORD).json()["api_token"]
    site.done("PUT", "/upload/project", project_name="shades", project_type="classification")
    site.done("PUT", "/upload/class_info", project_name="shades", class_info="dark|bright")
    for number in range(12):
        site.done(
            "PUT",
            "/upload/data_point",
            project_name="shades",
            data_point_name=str(number),
            image_data=encoded(shade(50 if number % 2 else 200, number)),
            label_data="dark" if number % 2 else "bright",
        )


def test_events_come_one_by_one_and_with_a_web_server_lost_all_goes_on(
    site: Site,
) -> None:
    prepare(site)
    started = site.done("POST", "/api/v1/jobs", project_name="shades", params={"epochs": 40, "image_size": 32})
    job_url = started.headers["Location"]
    seen: list[tuple[int, str, dict[str, Any]]] = []
    for event in events(follow(site, job_url, 0)):
        seen.append(event)
        if event[1] == "metrics":
            break
    job = site.call("GET", job_url).json()
    assert job.get("state") == "running", job
    site.lose(site.webs[0])
    for _ in range(20):
        assert site.call("GET", job_url).ok
    site.done("PUT", "/upload/class_info", project_name="shades", class_info="dark|bright|grey")
    while seen[-1][2].get("state") != "succeeded":
        seen += events(follow(site, job_url, seen[-1][0]))
    ids = [number for number, _, _ in seen]
    assert ids == sorted(set(ids))
    assert [data["epoch"] for _, kind, data in seen if kind == "metrics"] == list(range(1, 41))


def test_what_nginx_refuses_by_itself_looks_as_the_platforms_own_answers(site: Site) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=10)
    connection.request("PUT", "/upload/data_point", headers={"Content-Length": str(MOST_BYTES + 1)})
    answer = connection.getresponse()
    assert answer.status == 413
    assert "larger" in json.loads(answer.read())["Error"]
    connection.close()
