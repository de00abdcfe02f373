"""`python -m moodlemlbackend.export ID DIR TARGETDIR`."""

from __future__ import annotations

import sys

from moodle.calls import export, run_text

if __name__ == "__main__":
    sys.exit(run_text(export))
