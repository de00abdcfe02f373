"""Where the files of a run lie: behind MLflow's proxy, or in a bucket of S3.

A folder of the server's own machine is not written to: a path that a server names is no place for us to write.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from tracking.errors import MlflowAway, MlflowRefused
from tracking.rest import Rest
from utils import NotFound, TooLarge

_PROXY, _S3 = "mlflow-artifacts", "s3"
_CHUNK_BYTES = 1024 * 1024


class Artifacts(Protocol):
    """The files of one run, by path below its root."""

    def put(self, path: str, file: Path) -> None:
        """Store a file, in place of what was there."""
        ...

    def chunks(self, path: str) -> Iterator[bytes]:
        """A file, in pieces.

        Raises:
            NotFound: there is none.
        """
        ...

    def sizes(self, folder: str) -> dict[str, int]:
        """Bytes of what lies in a folder, by path."""
        ...


def artifacts_of(rest: Rest, uri: str) -> Artifacts:
    """Those of a run.

    Raises:
        MlflowRefused: they lie where we cannot go.
    """
    parts = urlsplit(uri)
    if parts.scheme == _PROXY and parts.netloc in ("", urlsplit(rest.url).netloc):
        return _Proxied(rest, parts.path.strip("/"))
    if parts.scheme == _S3:
        return _InS3(parts.netloc, parts.path.strip("/"))
    raise MlflowRefused(
        f"MLflow keeps the files of its runs at '{parts.scheme or 'file'}:', where DIYML does not write: start it with "
        "--serve-artifacts (its default, without --default-artifact-root), or with an s3:// root"
    )


def read_small(artifacts: Artifacts, path: str, most_bytes: int) -> bytes:
    """A whole file.

    Raises:
        NotFound: there is none; `TooLarge` when it is longer than `most_bytes`.
    """
    content = b""
    for chunk in artifacts.chunks(path):
        content += chunk
        if len(content) > most_bytes:
            raise TooLarge(f"'{path}' of the run in MLflow has more than {most_bytes:,} bytes")
    return content


class _Proxied:
    def __init__(self, rest: Rest, root: str):
        self._rest = rest
        self._root = root

    def put(self, path: str, file: Path) -> None:
        self._rest.put_file(f"{self._root}/{path}", file)

    def chunks(self, path: str) -> Iterator[bytes]:
        return self._rest.chunks(f"{self._root}/{path}")

    def sizes(self, folder: str) -> dict[str, int]:
        try:
            listed = self._rest.artifacts(f"{self._root}/{folder}")
        except NotFound:
            return {}
        names = ((Path(str(item.get("path"))).name, item) for item in listed if not item.get("is_dir"))
        return {f"{folder}/{name}": int(item.get("file_size") or 0) for name, item in names}


class _InS3:
    """Credentials, region and endpoint are found by boto3 as everywhere: environment, files, roles."""

    def __init__(self, bucket: str, root: str):
        import boto3  # only where a run's files lie in S3
        from botocore.config import Config

        self._bucket = bucket
        self._root = root
        config = Config(connect_timeout=5, read_timeout=20, retries={"max_attempts": 2, "mode": "standard"})
        with _told():
            self._client: Any = boto3.client("s3", config=config)

    def put(self, path: str, file: Path) -> None:
        with _told():
            self._client.upload_file(str(file), self._bucket, f"{self._root}/{path}")

    def chunks(self, path: str) -> Iterator[bytes]:
        with _told():
            body = self._client.get_object(Bucket=self._bucket, Key=f"{self._root}/{path}")["Body"]
            yield from body.iter_chunks(_CHUNK_BYTES)

    def sizes(self, folder: str) -> dict[str, int]:
        with _told():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=f"{self._root}/{folder}/"
            )
            found = [item for page in pages for item in page.get("Contents", [])]
        return {item["Key"].removeprefix(f"{self._root}/"): item["Size"] for item in found}


@contextmanager
def _told() -> Iterator[None]:
    from boto3.exceptions import S3UploadFailedError
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in ("404", "NoSuchKey", "NotFound"):
            raise NotFound("the bucket has no such file") from None
        raise MlflowAway(f"the bucket of MLflow's runs refuses: {error}") from None
    except (BotoCoreError, S3UploadFailedError, OSError) as error:
        raise MlflowAway(f"the bucket of MLflow's runs does not answer ({type(error).__name__})") from None
