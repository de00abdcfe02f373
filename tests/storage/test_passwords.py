"""Passwords are hashed in few threads that step back, and those for whom there is no room are told at once."""

from __future__ import annotations

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import bcrypt
import pytest

from settings import Settings
from storage.passwords import Passwords
from utils import Unavailable

RIGHT, WRONG = b"correct horse", b"wrong password"


def test_a_password_matches_its_own_hash_and_no_other_one_does():
    with Passwords(Settings(bcrypt_rounds=4)).place() as place:
        stored = place.hash(RIGHT)
        assert stored.startswith(b"$2b$04$")
        assert bcrypt.checkpw(RIGHT, stored)
        assert place.matches(RIGHT, stored)
        assert not place.matches(WRONG, stored)
        assert not place.matches(RIGHT, None)
        longest = place.hash(b"x" * 72)
        assert place.matches(b"x" * 72, longest)
        assert not place.matches(b"x" * 73, longest)


@pytest.mark.skipif(sys.platform != "linux", reason="a thread has a priority of its own on Linux only")
def test_the_threads_that_hash_make_way_for_all_others_and_no_others_do():
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with Passwords(Settings(bcrypt_rounds=4)).place() as place:
        hashing = place._hasher.run(threading.get_native_id)
        assert os.sched_getscheduler(hashing) == os.SCHED_IDLE
        assert os.getpriority(os.PRIO_PROCESS, hashing) > before
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


@pytest.mark.skipif(sys.platform != "linux", reason="a thread has a priority of its own on Linux only")
def test_where_nothing_is_left_over_for_a_hash_it_gets_a_share_after_a_while():
    with Passwords(Settings(bcrypt_rounds=4)).place() as place:
        patient, busy = place._hasher.run(threading.get_native_id), threading.Event()
        place._hasher._patience_seconds = 0.01

        def hash_slowly() -> int:
            thread = threading.get_native_id()
            if thread == patient:
                busy.wait(60)
            return thread

        hurried = place._hasher.run(hash_slowly)
        assert os.sched_getscheduler(hurried) == os.SCHED_OTHER
        assert os.getpriority(os.PRIO_PROCESS, hurried) > os.getpriority(os.PRIO_PROCESS, 0)
        # Those that come next do not try their patience anew.
        assert place._hasher.run(hash_slowly) == hurried
        busy.set()


@pytest.mark.parametrize(("web_threads", "places"), [(1, 1), (8, 4), (1024, 32)])
def test_half_of_the_web_threads_have_a_place_and_others_are_refused_at_once(web_threads: int, places: int):
    passwords = Passwords(Settings(bcrypt_rounds=4, web_threads=web_threads))
    start, held = threading.Barrier(places + 1), threading.Event()

    def hold() -> None:
        with passwords.place():
            start.wait()
            held.wait(60)

    with ThreadPoolExecutor(places) as pool:
        holders = [pool.submit(hold) for _ in range(places)]
        start.wait(60)
        began = time.monotonic()
        with pytest.raises(Unavailable, match="try again") as refusal, passwords.place():
            pass
        assert time.monotonic() - began < 30
        assert refusal.value.retry_after_seconds > 0
        held.set()
        [holder.result() for holder in holders]
    with passwords.place() as place:
        assert place
