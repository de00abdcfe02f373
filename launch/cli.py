"""The command line: `python3 DIYML.py` and `diyml`."""

from __future__ import annotations

import argparse
import dataclasses
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from launch.family import LaunchError
from launch.folder import FolderLock, holder_of, open_folder
from launch.serve import follow_streams, in_use, serve, serve_moodle, serve_web, work
from moodle.users import Users
from settings import Settings, SettingsError
from storage.mongod import MongodError
from training.worker.devices import parse
from utils import VERSION

FAILED, MISUSED = 1, 2
MOODLE_PORT = 5000
FLAGS = ("repair", "quick", "folder", "to", "user")
STOP_SECONDS = 120.0
BROKERS = ("amqp", "amqps", "mongodb", "mongodb+srv")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        The exit status: 0 when it did what it was asked, 1 when it could not, 2 when it was asked wrongly;
        `launch.fsck` has its own.
    """
    arguments = vars(_parser().parse_args(argv))
    command: Callable[..., int] = arguments.pop("command", _serve)
    options = {name: arguments.pop(name) for name in FLAGS if name in arguments}
    try:
        settings = dataclasses.replace(Settings.from_environment(), **arguments)
        check(settings)
        return command(settings, **options)
    except SettingsError as error:
        return _complain(error, MISUSED)
    except (LaunchError, MongodError) as error:
        return _complain(error, FAILED)


def check(settings: Settings) -> None:
    """See that log level and devices can be understood, and that the broker is one that Celery can reach.

    Raises:
        SettingsError: it is not.
    """
    if settings.broker_url and not _is_broker(settings.broker_url):
        # The address itself may hold a password.
        raise SettingsError(f"CELERY_BROKER_URL must look like {' or '.join(BROKERS)}://user:password@host:port/...")
    parse(settings.devices)
    Users(settings.moodle_users)
    if settings.log_level.upper() not in LOG_LEVELS:
        raise SettingsError(f"DIYML_LOG_LEVEL must be one of {', '.join(LOG_LEVELS)}, got '{settings.log_level}'")


def _is_broker(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in BROKERS and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _parser() -> argparse.ArgumentParser:
    listening = _listening("DIYML_PORT")
    checking = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    checking.add_argument("--repair", action="store_true", help="mend what can be mended, and say what was done")
    checking.add_argument("--quick", action="store_true", help="do not read the content of files")
    parser = argparse.ArgumentParser(
        prog="diyml",
        parents=[listening],
        argument_default=argparse.SUPPRESS,
        description="Make your own models. Without a command: start database, worker and web server, until Ctrl-C.",
        epilog="All settings are environment variables; docs/settings.md lists them.",
    )
    parser.add_argument("--version", action="version", version=f"diyml {VERSION}")
    commands = parser.add_subparsers(metavar="command")
    for name, run, parents, about in (
        ("serve", _serve, [listening], "start everything (the same as no command)"),
        ("worker", _work, [], "start a worker alone, for a platform on another machine (needs MONGO_URI)"),
        ("web", _web, [listening], "start the web server alone, for a platform of several machines (needs MONGO_URI)"),
        ("stream", _stream, [], "start a worker for streams alone, for a platform elsewhere (needs MONGO_URI)"),
        ("fsck", _fsck, [checking], "check the database, and mend what can be mended"),
        ("status", _status, [], "say what runs on the data folder"),
        ("workers", _workers, [], "list the workers on all machines, and what each of their devices does"),
        ("stop", _stop, [], "end what runs on the data folder"),
    ):
        commands.add_parser(name, parents=parents, help=about, description=about).set_defaults(command=run)
    _add_moodle(commands)
    return parser


def _listening(port: str) -> argparse.ArgumentParser:
    """Options of what listens; each command gets its own, since argparse shares their defaults.

    Args:
        port: where the port comes from without the option.
    """
    parser = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    parser.add_argument("--host", help="address to listen on; 0.0.0.0 is every network (DIYML_HOST)")
    parser.add_argument("--port", type=int, help=f"port to listen on ({port})")
    return parser


def _add_moodle(commands: Any) -> None:
    about = "start Moodle's machine-learning backend alone (docs/moodle.md)"
    moodle = commands.add_parser("moodle", parents=[_listening(str(MOODLE_PORT))], help=about, description=about)
    moodle.set_defaults(command=_moodle, port=MOODLE_PORT)
    about = "send again what MOODLE_ML_STASH_DIR has kept"
    replaying = moodle.add_subparsers(metavar="command").add_parser("replay", help=about, description=about)
    replaying.add_argument("folder", help="the folder of the stash")
    replaying.add_argument("--to", required=True, metavar="URL", help="the backend: http://localhost:5000")
    replaying.add_argument(
        "--user", default="", metavar="NAME:PASSWORD", help="the default is one of MOODLE_MLBACKEND_PYTHON_USERS"
    )
    replaying.set_defaults(command=_replay)


def _serve(settings: Settings) -> int:
    serve(settings, say)
    return 0


def _work(settings: Settings) -> int:
    work(settings, say)
    return 0


def _stream(settings: Settings) -> int:
    follow_streams(settings, say)
    return 0


def _web(settings: Settings) -> int:
    serve_web(settings, say)
    return 0


def _fsck(settings: Settings, repair: bool = False, quick: bool = False) -> int:
    # The inference engine comes with it, which no other command needs.
    from launch.fsck import fsck

    return fsck(settings, say, repair, quick)


def _moodle(settings: Settings) -> int:
    serve_moodle(settings, say)
    return 0


def _replay(settings: Settings, folder: str, to: str, user: str) -> int:
    from moodle.replay import replay

    if not os.path.isdir(folder):
        raise LaunchError(f"there is no folder {folder}")
    name, _, password = user.partition(":")
    sender = (name, password) if user else Users(settings.moodle_users).plain()
    return 0 if replay(Path(folder), to, sender, say) else FAILED


def _status(settings: Settings) -> int:
    folder = open_folder(settings.data_dir)
    holder = holder_of(folder)
    say(in_use(folder, holder) if holder else f"Nothing runs on {folder}.")
    return 0 if holder else FAILED


def _workers(settings: Settings) -> int:
    from launch.workers import list_workers  # brings the database's client, which starting a family does without

    return 0 if list_workers(settings, say) else FAILED


def _stop(settings: Settings) -> int:
    folder = open_folder(settings.data_dir)
    holder = holder_of(folder)
    if holder is None:
        say(f"Nothing runs on {folder}.")
        return 0
    os.kill(holder.pid, signal.SIGTERM)
    # The lock is free once the last of its processes has ended.
    if not FolderLock(folder).acquire(STOP_SECONDS):
        raise LaunchError(f"process {holder.pid} did not end in {STOP_SECONDS:.0f} s")
    say("Stopped.")
    return 0


def say(text: str) -> None:
    """Tell the operator; one who has closed the terminal does not hear it."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except OSError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - for the rest of the process


def _complain(error: Exception, status: int) -> int:
    sys.stderr.write(f"diyml: {error}\n")
    return status
