"""Who one is, and where: a file in the user's configuration folder that only the user can read."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diyml_client.errors import NoProfile

DEFAULT = "default"
URL, TOKEN, PROFILE = "DIYML_URL", "DIYML_TOKEN", "DIYML_PROFILE"
_OWNER_ONLY = 0o600
_FOLDER_OWNER_ONLY = 0o700


@dataclass(frozen=True)
class Profile:
    """A login that is remembered; the token is a secret."""

    url: str
    token: str
    username: str = ""


def folder() -> Path:
    """The folder of our files: `~/.config/diyml`, or where the system keeps such things."""
    if sys.platform == "win32":
        base = variable("APPDATA") or str(Path.home() / "AppData" / "Roaming")
    else:
        base = variable("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "diyml"


def variable(name: str) -> str | None:
    """A variable of the environment; None when it is not set, or empty."""
    return os.environ.get(name) or None


def environment(without: tuple[str, ...] = (), **more: str) -> dict[str, str]:
    """The environment for another program: ours, but for some variables, and with others."""
    return {**{name: text for name, text in os.environ.items() if name not in without}, **more}


def profile_name(name: str | None = None) -> str:
    """The profile that is meant: the one named, that of `DIYML_PROFILE`, or `default`."""
    return name or variable(PROFILE) or DEFAULT


def load(name: str | None = None) -> Profile:
    """Where to go and as whom: the variables if they are set, else the profile.

    Raises:
        NoProfile: neither says.
    """
    saved = None if name is None and _all_given() else _saved().get(profile_name(name))
    url = (None if name else variable(URL)) or (saved and saved.get("url"))
    token = (None if name else variable(TOKEN)) or (saved and saved.get("token"))
    if not url:
        raise NoProfile(f"there is no login of the name '{profile_name(name)}' in {path()}")
    if saved and saved.get("url") != str(url).rstrip("/") and not variable(TOKEN):
        # The token of one server is nothing to show to another.
        raise NoProfile(f"{URL} names {url}, and the saved token is for {saved.get('url')}")
    return Profile(str(url), str(token or ""), str((saved or {}).get("username", "")))


def save(profile: Profile, name: str | None = None) -> Path:
    """Remember a login; gives the file."""
    profiles = _saved()
    profiles[profile_name(name)] = {"url": profile.url, "token": profile.token, "username": profile.username}
    return _write(profiles)


def forget(name: str | None = None) -> bool:
    """Remove a login; False when there was none."""
    profiles = _saved()
    if profiles.pop(profile_name(name), None) is None:
        return False
    _write(profiles)
    return True


def path() -> Path:
    """The file of all profiles."""
    return folder() / "profiles.json"


def _all_given() -> bool:
    return bool(variable(URL) and variable(TOKEN))


def _saved() -> dict[str, dict[str, Any]]:
    try:
        profiles = json.loads(path().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise NoProfile(f"{path()} cannot be read ({error}); remove it") from None
    return profiles if isinstance(profiles, dict) else {}


def _write(profiles: dict[str, dict[str, Any]]) -> Path:
    """Replace the file at once, so that nobody ever reads half of it, or reads it at all but its owner."""
    target = path()
    try:
        target.parent.mkdir(mode=_FOLDER_OWNER_ONLY, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=target.parent)  # which nobody else can read from its first moment
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(profiles, file, indent=1)
        Path(name).chmod(_OWNER_ONLY)
        Path(name).replace(target)
    except OSError as error:
        raise NoProfile(f"the login cannot be kept in {target} ({error.strerror})") from None
    return target
