"""`python -m moodlemlbackend.prediction ID DIR FILE`."""

from __future__ import annotations

import sys

from moodle.calls import prediction, run

if __name__ == "__main__":
    sys.exit(run(prediction, 3, 3))
