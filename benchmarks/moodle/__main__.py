"""How well and how fast does Moodle's backend learn, beside a plain scikit-learn pipeline on the same rows?

    python -m benchmarks.moodle [small|large|twice|predict ...]
    python -m benchmarks.moodle --reference PYTHON [--seeds 3] [--first-seed 0]
        [plane|flowers|tumours|digits|middle|large|twice|evaluate ...]

The data is made here, in the likeness of what Moodle sends: 365 columns of which 250 never vary, values in [-1, 1] that
are mostly zero, half of the rows repeated. `twice` trains on files that come one after the other, by keeping rows
(what the backend does), by one model a file averaged by rows, and on both at once. `predict` asks a backend over HTTP
for ten rows. With `--reference` the backend runs as it is served, beside the reference's learner (`moodlemlbackend` of
the Python that is named), on other rows: made ones that are correlated, and real ones, of several sizes and seeds.
"""

from __future__ import annotations

import argparse
import os
import platform

from benchmarks.moodle.beside import QUESTIONS as BESIDE
from benchmarks.moodle.beside import beside
from benchmarks.moodle.plain import QUESTIONS


def main() -> None:
    """Answer the questions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "questions", nargs="*", metavar="QUESTION", help=f"{', '.join(QUESTIONS)}; or {', '.join(BESIDE)}"
    )
    parser.add_argument("--reference", metavar="PYTHON", help="a Python that has the reference, to run beside")
    parser.add_argument("--seeds", type=int, default=1, help="rules to try, with --reference")
    parser.add_argument("--first-seed", type=int, default=0, help="of these rules")
    given = parser.parse_args()
    known = BESIDE if given.reference else tuple(QUESTIONS)
    if unknown := set(given.questions) - set(known):
        parser.error(f"no question of these: {', '.join(sorted(unknown))}; wanted are {', '.join(known)}")
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    if given.reference:
        beside(given.reference, given.questions or known, range(given.first_seed, given.first_seed + given.seeds))
        return
    for name in given.questions or QUESTIONS:
        QUESTIONS[name]()


if __name__ == "__main__":
    main()
