"""`python -m moodlemlbackend.import ID DIR SOURCEDIR`."""

from __future__ import annotations

import sys

from moodle.calls import import_, run_text

if __name__ == "__main__":
    sys.exit(run_text(import_))
