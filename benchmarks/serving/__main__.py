"""How fast is a published model? Beside the bare session, a plain Flask view and LitServe, on the same machine.

    python -m benchmarks.serving [PART...] [--quick] [--images FOLDER] [--data FOLDER] [--keep FOLDER] [--json FILE]

Parts are throughput, overload, answers, logins, zipf, memory, coldstart; without any, all of them, which take about
an hour (`--quick`: ten minutes, for a look). docs/benchmarks.md says what the rows mean.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
from contextlib import ExitStack
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from benchmarks.serving.bench import Bench, Extent
from benchmarks.serving.images import photographs
from benchmarks.serving.models import make_models
from benchmarks.serving.parts.registry import PARTS
from benchmarks.serving.table import Row, table
from utils import VERSION

_LIBRARIES = ("onnxruntime", "numpy", "gunicorn", "flask", "litserve")
_CPU_NAMES = "model name"


def main() -> None:
    """Run the parts, print the table."""
    arguments = _parser().parse_args()
    # As Ctrl-C does, so that no server is left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if find_spec("litserve") is None:
        raise SystemExit("LitServe, one of the baselines, is not installed: pip install -r requirements-bench.txt")
    command = f"python -m benchmarks.serving {' '.join(sys.argv[1:])}".strip()
    print(f"{machine()}\n{command}", flush=True)
    rows = _run(arguments)
    print(f"\n{machine()}\n{command}\n\n{table(rows)}")
    if arguments.json:
        found = {"machine": machine(), "command": command, "rows": [row.to_json() for row in rows]}
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", choices=[[], *PARTS], help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="fewer models, shorter rounds")
    parser.add_argument("--images", type=Path, help="JPEG files to predict; pages of digits if not given")
    parser.add_argument("--data", type=Path, help="a YOLO layout to train the detector on; digits if not given")
    parser.add_argument("--models", nargs="+", default=[], help="those of throughput, such as detection-320-int8")
    parser.add_argument("--keep", type=Path, help="where trained models stay, and are taken from the next time")
    parser.add_argument("--json", type=Path, help="write the rows to this file too")
    return parser


def _run(arguments: argparse.Namespace) -> list[Row]:
    rows: list[Row] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="diyml-bench-")))
        kept = (arguments.keep or folder / "models").absolute()
        kept.mkdir(parents=True, exist_ok=True)
        images = photographs(arguments.images, folder / "images")
        models = make_models(kept, images, arguments.data)
        if unknown := set(arguments.models) - set(models):
            raise SystemExit(f"there are no models {sorted(unknown)}; there are {sorted(models)}")
        bench = Bench(Extent(arguments.quick), folder, kept, images, models, tuple(arguments.models))
        stack.callback(bench.close)
        for name in arguments.parts or PARTS:
            print(f"\n{name}", flush=True)
            for row in PARTS[name](bench):
                rows.append(row)
                print("   " + " | ".join(cell for cell in row.cells() if cell), flush=True)
    return rows


def machine() -> str:
    """Cores, processor and versions."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = {line.split(":", 1)[1].strip() for line in lines if line.startswith(_CPU_NAMES)}
    processor = ", ".join(sorted(names)) or platform.machine()
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES if find_spec(name))
    cores = len(os.sched_getaffinity(0))
    return f"{processor}, {cores} cores, Python {platform.python_version()}, DIYML {VERSION}, {libraries}"


if __name__ == "__main__":
    main()
