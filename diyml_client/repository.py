"""A git repository as it is now, brought to a temporary folder, and files of it that strangers may have chosen."""

from __future__ import annotations

import contextlib
import hashlib
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from diyml_client import config
from diyml_client.errors import DiymlError
from diyml_client.packing import files_in

SUFFIXES = (".yaml", ".yml", ".json")
MOST_DOCUMENTS = 200
MOST_FILES = 200_000
MOST_BYTES = 10 * 1024**3
_GIT_SECONDS = 600
_PIECE_BYTES = 1024 * 1024
_POINTER = b"version https://git-lfs"
_ADDRESS = re.compile(r"(https|ssh)://[^\s]+|[A-Za-z0-9_.-]+@[A-Za-z0-9_.-]+:[^\s:][^\s]*")
# Nothing of a repository runs here: no hooks, no helpers of its own, no further repositories in it.
_QUIETLY = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "submodule.recurse=false")
_OF_OTHERS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_TEMPLATE_DIR")


class RepositoryError(DiymlError):
    """The repository cannot be fetched, or a file of it is not to be used."""

    advice = "Put right what is named, and run it again."


@dataclass(frozen=True)
class Checkout:
    """A repository at one commit."""

    root: Path
    commit: str

    def documents(self, folder: str) -> list[Path]:
        """The documents in a folder and below it, in the order of their names.

        Raises:
            RepositoryError: there is none, or there are too many.
        """
        base = self.path(folder)
        if not base.is_dir():
            raise RepositoryError(f"'{folder}' is no folder of the repository")
        found = [path for path in files_in(base) if path.suffix.lower() in SUFFIXES]
        if not found or len(found) > MOST_DOCUMENTS:
            raise RepositoryError(
                f"'{folder}' holds {len(found)} documents ({', '.join(SUFFIXES)}), wanted 1 to {MOST_DOCUMENTS}"
            )
        return [self.path(self.name(path)) for path in found]

    def name(self, path: Path) -> str:
        """A path as one of the repository speaks of it."""
        return path.relative_to(self.root).as_posix()

    def path(self, name: str) -> Path:
        """A file or folder of the repository.

        Raises:
            RepositoryError: there is none, it lies elsewhere, or is reached by a link.
        """
        path, parts = self.root, name.split("/")
        if name.startswith("/") or any(part in ("", ".", "..", ".git") for part in parts):
            raise RepositoryError(f"'{name}' is no plain path in the repository")
        for part in parts:
            path = path / part
            if path.is_symlink():
                raise RepositoryError(f"'{name}' is, or lies behind, a symbolic link: the file itself is wanted")
        if not path.exists():
            raise RepositoryError(f"there is no '{name}' in the repository")
        return path

    def data(self, name: str) -> Data:
        """A file of data, or a folder of images, with its hash.

        Raises:
            RepositoryError: as `path`; or it is too much, empty, or not in the repository itself.
        """
        path = self.path(name)
        files = [path] if path.is_file() else [*_plain(path, name)]
        size = sum(file.stat().st_size for file in files)
        if not size or len(files) > MOST_FILES or size > MOST_BYTES:
            raise RepositoryError(
                f"'{name}' has {len(files):,} files of {size:,} bytes, wanted at least a byte, and at most "
                f"{MOST_FILES:,} files of {MOST_BYTES:,} bytes"
            )
        digest = hashlib.sha256()
        for file in files:
            own = _sha256(file, name)
            digest.update(f"{file.relative_to(path).as_posix() if file != path else ''}\0{own}\n".encode())
        return Data(name, path, size, digest.hexdigest() if path.is_dir() else own)


@dataclass(frozen=True)
class Data:
    """A file or folder of data; `sha256` is that of the file, or is made of all that are in the folder."""

    name: str
    path: Path
    size: int
    sha256: str


@contextlib.contextmanager
def checked_out(source: str, branch: str | None = None) -> Iterator[Checkout]:
    """The newest commit of a repository, in a folder that goes afterwards.

    Args:
        source: an address (https, ssh), or the path of a repository on this machine.

    Raises:
        RepositoryError: it is none, cannot be fetched, or is too large.
    """
    address, protocols = _address(source)
    if branch is not None and (branch.startswith("-") or not branch.strip()):
        raise RepositoryError(f"'{branch}' is no name of a branch")
    with tempfile.TemporaryDirectory(prefix="diyml-deploy-") as place:
        root = Path(place) / "repository"
        wanted = ["--branch", branch] if branch else []
        _git(
            [
                *_QUIETLY, "clone", "--quiet", "--depth", "1", "--single-branch", "--no-tags", "--template=",
                "--no-recurse-submodules", *wanted, "--", address, str(root),
            ],
            protocols,
        )  # fmt: skip
        commit = _git([*_QUIETLY, "-C", str(root), "rev-parse", "HEAD"], protocols).strip()
        yield Checkout(root.resolve(), commit)


def _address(source: str) -> tuple[str, str]:
    """Where git is to fetch from, and the protocols that it may use for it.

    Raises:
        RepositoryError: it is neither an address nor a folder; addresses that name programs or files are neither.
    """
    if _ADDRESS.fullmatch(source):
        return source, "https:ssh"
    path = Path(source)
    if source.startswith("-") or "::" in source or "://" in source or not path.is_dir():
        raise RepositoryError(
            f"'{source}' is no repository: wanted https://…, ssh://…, name@host:path, or a folder on this machine"
        )
    return path.resolve().as_uri(), "file"


def _git(arguments: list[str], protocols: str) -> str:
    variables = config.environment(
        _OF_OTHERS, GIT_ALLOW_PROTOCOL=protocols, GIT_TERMINAL_PROMPT="0", GIT_LFS_SKIP_SMUDGE="1", LC_ALL="C"
    )
    try:
        ran = subprocess.run(  # what a person gave stands behind `--`
            ["git", *arguments],  # noqa: S607  # the git of whoever calls
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_GIT_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise RepositoryError("there is no git on this machine: install it") from None
    except subprocess.TimeoutExpired:
        raise RepositoryError(f"git did not end within {_GIT_SECONDS} s") from None
    if ran.returncode:
        raise RepositoryError(f"git says: {' '.join(ran.stderr.split())[-500:] or 'nothing'}")
    return ran.stdout


def _plain(folder: Path, name: str) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_symlink():
            raise RepositoryError(f"'{name}' holds a symbolic link, '{path.name}': the file itself is wanted")
    yield from files_in(folder)


def _sha256(path: Path, name: str) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        piece = file.read(_PIECE_BYTES)
        if piece.startswith(_POINTER):
            raise RepositoryError(f"'{name}' is a pointer of Git LFS, whose file is elsewhere: put the file itself in")
        while piece:
            digest.update(piece)
            piece = file.read(_PIECE_BYTES)
    return digest.hexdigest()
