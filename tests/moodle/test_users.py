"""The users of the environment."""

from __future__ import annotations

import hashlib

import pytest

from moodle.users import Users
from settings import SettingsError


def _hashed(name: str, salt: str, password: str) -> str:
    return f"{name}:{salt}:{hashlib.new(name, (salt + password).encode()).hexdigest()}"


def test_plain_and_salted_passwords_are_known():
    users = Users(f"ada:secret, grace:{_hashed('sha256', 'pepper', 'hopper')},lin:{_hashed('sha512', '', 'x').upper()}")
    assert users.knows("ada", "secret")
    assert users.knows("grace", "hopper")
    assert not users.knows("ada", "hopper")
    assert not users.knows("grace", "pepperhopper")
    assert not users.knows("nobody", "")
    assert users.plain() == ("ada", "secret")


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha3_256", "blake2b"])
def test_any_algorithm_of_hashlib_will_do(algorithm: str):
    users = Users(f"ada:{_hashed(algorithm, 'salt', 'söcret')}")
    assert users.knows("ada", "söcret")
    assert not users.knows("ada", "socret")
    assert users.plain() is None


def test_a_plain_password_may_hold_colons():
    assert Users("ada:a:b").knows("ada", "a:b")
    assert not Users("")


@pytest.mark.parametrize("text", ["ada", "ada:", ":x", "ada:x,ada:y"])
def test_what_cannot_be_understood_is_told_without_the_password(text: str):
    with pytest.raises(SettingsError, match="MOODLE_MLBACKEND_PYTHON_USERS"):
        Users(text)
