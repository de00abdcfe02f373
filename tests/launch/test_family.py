from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from launch.family import Family, LaunchError, Member
from launch.members import member_environment
from launch.signals import Pauses
from settings import Settings
from tests.launch.program import gone, until

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def members(tmp_path: Path) -> Iterator[list[Member]]:
    """A list to put members in; they are ended after the test."""
    made: list[Member] = []
    yield made
    Family(made, print).stop()


def stand_in(tmp_path: Path, name: str, program: str = "import time; time.sleep(60)", **more) -> Member:
    environment = member_environment(Settings(data_dir=tmp_path))
    return Member(name, [sys.executable, "-c", program], environment, log=tmp_path / f"{name}.log", **more)


def pid_of(member: Member) -> int:
    assert member.process
    return member.process.pid


def test_a_member_starts_once_the_one_before_is_ready_and_ends_before_it(tmp_path, members, said):
    flag = tmp_path / "ready"
    first = stand_in(tmp_path, "first", f"import time; open({str(flag)!r}, 'w'); time.sleep(60)", ready=flag.exists)
    second = stand_in(tmp_path, "second", ready=lambda: first.process is not None and flag.exists())
    members += [first, second]
    family = Family(members, said.append)
    assert family.start()
    earlier, later = psutil.Process(pid_of(first)), psutil.Process(pid_of(second))
    assert earlier.create_time() <= later.create_time()
    family.stop()
    assert not earlier.is_running()
    assert not later.is_running()


def test_a_killed_worker_is_started_again_after_a_growing_pause(tmp_path, members, said):
    members.append(stand_in(tmp_path, "worker"))
    family = Family(members, said.append)
    family.start()
    for pause in (0.25, 0.5):
        before = pid_of(members[0])
        os.kill(before, signal.SIGKILL)
        deadline = time.monotonic() + 10
        family.run(until=lambda: members[0].process is not None and pid_of(members[0]) != before)  # noqa: B023
        assert time.monotonic() < deadline
        assert members[0].pause_seconds == pause
    assert [line.split(" (log")[0] for line in said] == [
        "worker ended, killed by signal 9; again in 0.25 s",
        "worker ended, killed by signal 9; again in 0.5 s",
    ]


def test_a_member_that_does_not_start_is_quoted(tmp_path, members, said):
    members.append(stand_in(tmp_path, "web", "import sys; sys.exit('no such thing')", ready=lambda: False))
    with pytest.raises(LaunchError, match=r"^web did not start \(exit status 1\): no such thing$"):
        Family(members, said.append).start()


def test_a_ctrl_c_that_a_member_gets_as_well_is_a_stop_and_no_failure_to_start(tmp_path, members, said, pauses):
    members.append(stand_in(tmp_path, "web", "import sys; sys.exit(1)", ready=lambda: False))
    # It comes while the member is looked at, so it is not known yet when that is found to have ended.
    pauses.wait = lambda seconds: time.sleep(seconds) if seconds else setattr(pauses, "stops", 1)
    assert not Family(members, said.append, pauses).start()


def test_a_member_that_never_gets_ready_is_given_up(tmp_path, members, said):
    members.append(stand_in(tmp_path, "web", ready=lambda: False, ready_seconds=0.2))
    with pytest.raises(LaunchError, match="web was not ready after 0 s"):
        Family(members, said.append).start()


def test_a_member_that_does_not_listen_is_killed_with_its_group(tmp_path, members, said):
    program = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {STUBBORN!r}]).wait()"
    members.append(stand_in(tmp_path, "deaf", program, stop_seconds=0.5))
    family = Family(members, said.append)
    family.start()
    log = tmp_path / "deaf.log"
    until(lambda: "on" in log.read_text(), "grandchild runs")
    grandchild = psutil.Process(pid_of(members[0])).children()[0]
    family.stop()
    until(lambda: gone(grandchild), "grandchild gone")


def test_a_second_stop_signal_hastens(tmp_path, members, said, pauses):
    members.append(stand_in(tmp_path, "deaf", STUBBORN, stop_seconds=60))
    family = Family(members, said.append, pauses)
    family.start()
    until(lambda: "on" in (tmp_path / "deaf.log").read_text(), "deaf")
    pauses.wait = lambda seconds: setattr(pauses, "stops", 1)
    begun_at = time.monotonic()
    family.stop()
    assert time.monotonic() - begun_at < 50


@pytest.mark.parametrize("way", ["become", "watch"])
def test_a_tethered_process_goes_when_its_parent_is_killed(tmp_path, way: str):
    # Both ways are tried on Linux, though it only uses the first.
    if way == "become" and sys.platform != "linux":
        pytest.skip("the kernel's help is Linux's")
    mark = tmp_path / "pid"
    child = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    tether = (
        "import signal, sys; from launch import tether; "
        f"tether.{way}(int(sys.argv[1]), signal.SIGTERM, [sys.executable, '-c', {child!r}])"
    )
    parent = (
        f"import os, subprocess, sys; subprocess.Popen([sys.executable, '-c', {tether!r}, str(os.getpid())]).wait()"
    )
    environment = member_environment(Settings(data_dir=tmp_path))
    with subprocess.Popen([sys.executable, "-c", parent], env=environment) as process:
        until(lambda: mark.exists() and mark.read_text(), "child runs")
        tethered = psutil.Process(int(mark.read_text()))
        process.kill()
    until(lambda: gone(tethered), "child gone")


def test_a_long_log_is_moved_aside_while_its_member_goes_on_writing(tmp_path, members, said, pauses):
    chatter = "import time\nprint('x' * 10_500_000, flush=True)\nwhile True: print('x', flush=True); time.sleep(0.1)"
    member = stand_in(tmp_path, "talker", chatter)
    members.append(member)
    family = Family(members, said.append, pauses)
    assert family.start()
    started = time.monotonic()
    aside = tmp_path / "talker.old.log"
    family.run(until=lambda: aside.exists() or time.monotonic() - started > 30)
    assert aside.stat().st_size > 10_000_000
    assert not member.ended()
    until(lambda: member.log.stat().st_size > 0, "it goes on writing")
    assert member.log.read_bytes()[:1] == b"x"
    family.stop()
