"""Models in a bucket of S3, or of what speaks its protocol, conditional writes included."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from moodle.ids import ACCOUNTS, Key, ModelIds, place_of
from moodle.shelves.protocol import Held, Stored
from utils import Unavailable

_LOG = re.compile(r"log-(\d+)")
_PREFIX = "diyml-models"
_ABSENT = ("404", "NoSuchKey", "NotFound")
_CHANGED = ("PreconditionFailed", "412", "ConditionalRequestConflict", "409", "NoSuchKey", "404")
_RETRY_AFTER_SECONDS = 10


class S3Shelf:
    """See `Shelf`. Credentials, region and endpoint are found by boto3 as everywhere: environment, files, roles."""

    def __init__(self, bucket: str):
        import boto3  # only who keeps models in S3 needs it
        from botocore.config import Config

        self._bucket = bucket
        config = Config(connect_timeout=10, read_timeout=60, retries={"max_attempts": 3, "mode": "standard"})
        with _told():
            self._client: Any = boto3.client("s3", config=config)

    def version(self, key: Key) -> str | None:
        """See `Shelf.version`."""
        with _told():
            found = self._unless(_ABSENT, "head_object", Key=_name(key))
        return found and str(found["ETag"])

    def read(self, key: Key) -> Stored | None:
        """See `Shelf.read`."""
        return self._read(_name(key))

    def write(self, key: Key, content: bytes, expected: str | None) -> bool:
        """See `Shelf.write`."""
        condition = {"IfNoneMatch": "*"} if expected is None else {"IfMatch": expected}
        with _told():
            return self._unless(_CHANGED, "put_object", Key=_name(key), Body=content, **condition) is not None

    def logs(self, ids: ModelIds) -> list[Key]:
        """See `Shelf.logs`."""
        start = f"{_PREFIX}/{ids.model.group}/{ids.model.folder}/log-"
        found = (_LOG.fullmatch(name.rsplit("/", 1)[1]) for name in self._names(start))
        return [ids.log(number) for number in sorted(int(one[1]) for one in found if one)]

    def delete(self, *keys: Key) -> None:
        """See `Shelf.delete`."""
        with _told():
            for key in keys:
                self._client.delete_object(Bucket=self._bucket, Key=_name(key))

    def delete_all(self, ids: ModelIds) -> None:
        """See `Shelf.delete_all`; models go before logs."""
        self._remove(f"{_PREFIX}/{ids.model.group}/")

    def owners(self) -> list[str]:
        """See `Shelf.owners`."""
        start = f"{_PREFIX}/{ACCOUNTS}/"
        with _told():
            asked = self._client.get_paginator("list_objects_v2")
            pages = asked.paginate(Bucket=self._bucket, Prefix=start, Delimiter="/")
            found = [one["Prefix"] for page in pages for one in page.get("CommonPrefixes", [])]
        return [name.removeprefix(start).rstrip("/") for name in found]

    def held(self, owner: str) -> Iterator[Held]:
        """See `Shelf.held`."""
        for name in self._names(f"{_PREFIX}/{place_of(owner)}"):
            group, folder, last = name.split("/")[-3:]
            yield Held(group, folder, last, None, partial(self._read, name))

    def delete_owner(self, owner: str) -> None:
        """See `Shelf.delete_owner`."""
        self._remove(f"{_PREFIX}/{ACCOUNTS}/{place_of(owner).rstrip('/').rpartition('/')[2]}/")

    def _read(self, name: str) -> Stored | None:
        with _told():
            found = self._unless(_ABSENT, "get_object", Key=name)
            return found and Stored(found["Body"].read(), str(found["ETag"]))

    def _remove(self, start: str) -> None:
        names = self._names(start)
        with _told():
            for name in sorted(names, key=lambda name: not name.endswith("/model")):
                self._client.delete_object(Bucket=self._bucket, Key=name)

    def _names(self, start: str) -> list[str]:
        with _told():
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=start)
            return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def _unless(self, codes: tuple[str, ...], method: str, **arguments: Any) -> Any:
        """What a call gives; None when it is refused with one of the codes."""
        from botocore.exceptions import ClientError

        try:
            return getattr(self._client, method)(Bucket=self._bucket, **arguments)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in codes:
                return None
            raise


def _name(key: Key) -> str:
    return f"{_PREFIX}/{key.whole}"


@contextmanager
def _told() -> Iterator[None]:
    """S3 that does not answer, or refuses, is told without its addresses and keys."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "unknown"))[:100]
        raise Unavailable(f"the S3 bucket refused: {code}", retry_after_seconds=_RETRY_AFTER_SECONDS) from error
    except BotoCoreError as error:
        reason = type(error).__name__
        raise Unavailable(f"S3 cannot be used: {reason}", retry_after_seconds=_RETRY_AFTER_SECONDS) from error
