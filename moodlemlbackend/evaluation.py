"""`python -m moodlemlbackend.evaluation ID DIR FILE MINSCORE MAXDEVIATION NITERATIONS [TRAINEDMODELDIR]`."""

from __future__ import annotations

import sys

from moodle.calls import evaluation, run

if __name__ == "__main__":
    sys.exit(run(evaluation, 6, 7))
