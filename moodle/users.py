"""The users that the operator names in the environment."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

from settings import SettingsError

_VARIABLE = "MOODLE_MLBACKEND_PYTHON_USERS"
_WANTED = "name:password or name:hash:salt:hex, several with commas between them"
_HEX = re.compile(r"[0-9a-fA-F]+")
# Their digests have no length of their own.
_ALGORITHMS = frozenset(name for name in hashlib.algorithms_available if not name.startswith("shake"))


@dataclass(frozen=True)
class _Secret:
    """What a password is compared with; `algorithm` is empty for a plain one."""

    algorithm: str
    salt: str
    value: str

    def matches(self, password: str) -> bool:
        """Whether it is the password; takes as long whatever of it is wrong."""
        given = password
        if self.algorithm:
            given = hashlib.new(self.algorithm, (self.salt + password).encode(), usedforsecurity=True).hexdigest()
        # Hashed once more, for two texts of one length: the comparison tells nothing of how long the password is.
        sides = (hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in (given, self.value))
        return hmac.compare_digest(*sides)


class Users:
    """Names with what their passwords are compared with.

    Raises:
        SettingsError: the text cannot be understood; what is secret in it is not repeated.
    """

    def __init__(self, text: str):
        self._secrets: dict[str, _Secret] = {}
        for place, entry in enumerate(filter(None, (part.strip() for part in text.split(","))), 1):
            name, secret = _parsed(entry, place)
            if name in self._secrets:
                raise SettingsError(f"{_VARIABLE} names the user '{name}' twice")
            self._secrets[name] = secret

    def __bool__(self) -> bool:
        return bool(self._secrets)

    def knows(self, name: str, password: str) -> bool:
        """Whether there is such a user with this password."""
        secret = self._secrets.get(name)
        return (secret or _NOBODY).matches(password) and secret is not None

    def plain(self) -> tuple[str, str] | None:
        """The first user whose password stands there as it is."""
        return next(((name, secret.value) for name, secret in self._secrets.items() if not secret.algorithm), None)


_NOBODY = _Secret("", "", "")


def _parsed(entry: str, place: int) -> tuple[str, _Secret]:
    name, colon, rest = entry.partition(":")
    if not name or not colon or not rest:
        raise SettingsError(f"{_VARIABLE}: entry {place} must be {_WANTED}")
    parts = rest.split(":")
    if len(parts) == 3 and parts[0] in _ALGORITHMS and _HEX.fullmatch(parts[2]):
        return name, _Secret(parts[0], parts[1], parts[2].lower())
    return name, _Secret("", "", rest)
