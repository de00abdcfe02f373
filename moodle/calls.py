"""The calls that Moodle makes as processes: arguments in, the last line of standard output and an exit status out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from environments import configure_libraries
from moodle.engine import Engine
from moodle.forking import most_threads
from moodle.ids import SHARED, ModelIds
from moodle.model import StoredModel
from moodle.shelves.folder import FolderShelf
from moodle.status import Answer, Status, failed
from moodle.wishes import rounds, score
from moodle.workers import HereAndNow
from settings import Settings, SettingsError
from utils import DomainError, InvalidInput

# Whatever the caller or the operator can mend; on anything else a traceback says more.
_TOLD = (DomainError, SettingsError, OSError)


def engine_on(folder: str) -> Engine:
    """An engine whose models lie in a folder."""
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    configure_libraries(**dict.fromkeys(threads, str(most_threads())), OMP_WAIT_POLICY="PASSIVE")
    return Engine(FolderShelf(Path(folder).absolute()), HereAndNow(), Settings.from_environment())


def training(arguments: Sequence[str]) -> Answer:
    """`ID DIR FILE`."""
    name, folder, file = arguments
    return engine_on(folder).train(ModelIds(SHARED, name), _existing(file))


def prediction(arguments: Sequence[str]) -> Answer:
    """`ID DIR FILE`."""
    name, folder, file = arguments
    return engine_on(folder).predict(ModelIds(SHARED, name), _existing(file))


def evaluation(arguments: Sequence[str]) -> Answer:
    """`ID DIR FILE MINSCORE MAXDEVIATION NITERATIONS [TRAINEDMODELDIR]`."""
    name, folder, file, min_score, max_deviation, count, *trained = arguments
    wish = {
        "min_score": score("MINSCORE", min_score),
        "max_deviation": score("MAXDEVIATION", max_deviation),
        "rounds": rounds("NITERATIONS", count),
    }
    ids = ModelIds(SHARED, name)
    shelf = FolderShelf(Path(trained[0]).absolute()) if trained else None
    return engine_on(folder).evaluate(ids, _existing(file), wish, ids if trained else None, shelf)


def export(arguments: Sequence[str]) -> str | None:
    """`ID DIR TARGETDIR`: writes the files of the model and gives the folder; None when there is no model."""
    name, folder, target = arguments
    try:
        content = engine_on(folder).export(ModelIds(SHARED, name))
    except DomainError:
        return None
    Path(target).mkdir(parents=True, exist_ok=True)
    for file, data in StoredModel.unpack(content).named().items():
        (Path(target) / file).write_bytes(data)
    return target


def import_(arguments: Sequence[str]) -> str:
    """`ID DIR SOURCEDIR`: takes a model in; gives `Ok`."""
    name, folder, source = arguments
    files = {path.name: path.read_bytes() for path in _folder(source).iterdir() if path.is_file()}
    engine_on(folder).import_model(ModelIds(SHARED, name), StoredModel.of(files))
    return "Ok"


def run(call: Callable[[Sequence[str]], Answer], least: int, most: int) -> int:
    """Make a call that answers in JSON; gives the exit status, which is that of the answer."""
    arguments = sys.argv[1:]
    answer = failed(f"usage: {call.__doc__}") if not least <= len(arguments) <= most else _answer(call, arguments)
    sys.stdout.write(f"{json.dumps(answer, allow_nan=False)}\n")
    return int(answer["status"])


def run_text(call: Callable[[Sequence[str]], str | None]) -> int:
    """Make a call that answers with one line of text; gives the exit status, 1 when there is nothing to tell."""
    if len(sys.argv) != 4:
        return _complain(f"usage: {call.__doc__}")
    try:
        told = call(sys.argv[1:])
    except _TOLD as error:
        return _complain(_sentence(error))
    if told is None:
        return _complain("There is nothing to export.")
    sys.stdout.write(f"{told}\n")
    return 0


def _answer(call: Callable[[Sequence[str]], Answer], arguments: Sequence[str]) -> Answer:
    try:
        return call(arguments)
    except _TOLD as error:
        return failed(_sentence(error))


def _sentence(error: Exception) -> str:
    if isinstance(error, DomainError):
        return error.detail
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'} cannot be used: {error.strerror or 'unknown reason'}"
    return str(error)


def _complain(sentence: str) -> int:
    sys.stderr.write(f"{sentence}\n")
    return int(Status.ERROR)


def _existing(file: str) -> Path:
    if not Path(file).is_file():
        raise InvalidInput(f"there is no file {file}")
    return Path(file)


def _folder(name: str) -> Path:
    if not Path(name).is_dir():
        raise InvalidInput(f"there is no folder {name}")
    return Path(name)
