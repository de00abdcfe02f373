"""`python -m training.worker.importing WORKER_PID`: imports one archive after the other, as long as there are any.

A process of its own: what an archive does to a decoder stays away from trainings and from other imports.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor

from datasets.imports.interrupts import Interrupts
from datasets.imports.run import ImportRun
from settings import Settings
from storage.import_record import Import
from storage.store import Store
from training.worker.claiming import work_for

_MOST_THREADS = 4


class Importing:
    """See `training.worker.claiming.Work`."""

    noun = "import"

    def __init__(self, store: Store, settings: Settings):
        self.runs = store.import_runs
        self._store = store
        self._settings = settings
        threads = min(_MOST_THREADS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)
        self._pool = ThreadPoolExecutor(threads)

    def attempt(self, record: Import, interrupts: Interrupts) -> ImportRun:
        """An import; images are hashed and decoded in threads that all imports of the process share."""
        folder = self._settings.data_dir / "imports"
        return ImportRun(self._store, self._settings, record, folder, self._pool, interrupts)

    def close(self) -> None:
        """Let the threads end."""
        self._pool.shutdown()


if __name__ == "__main__":
    sys.exit(work_for(int(sys.argv[1]), "importer", Importing))
