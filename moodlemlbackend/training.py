"""`python -m moodlemlbackend.training ID DIR FILE`."""

from __future__ import annotations

import sys

from moodle.calls import run, training

if __name__ == "__main__":
    sys.exit(run(training, 3, 3))
