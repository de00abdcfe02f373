"""`python -m moodlemlbackend.version` prints the version of the protocol."""

from __future__ import annotations

import sys

from settings import Settings

if __name__ == "__main__":
    sys.stdout.write(f"{Settings.from_environment().moodle_version}\n")
