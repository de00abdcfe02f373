"""Archives for tests, sound ones and others."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Mapping

from PIL import Image

from tests.conftest import picture

CLASSES = ("RBC", "WBC", "Platelets")


def zipped(files: Mapping[str, bytes | str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP archive of files by path."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return target.getvalue()


def tarred(files: Mapping[str, bytes | str], packed: bool = False) -> bytes:
    """A tar archive of files by path, packed by gzip if wanted."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for path, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(path)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return gzip.compress(target.getvalue()) if packed else target.getvalue()


def yolo_files(images: int = 6, seed: int = 0, first: int = 0) -> dict[str, bytes | str]:
    """A dataset of blood cells as YOLO lays it out: two of three images in `train`, the others in `val`."""
    names = "".join(f"  {index}: {name}\n" for index, name in enumerate(CLASSES))
    files: dict[str, bytes | str] = {"data.yaml": f"train: images/train\nval: images/val\nnames:\n{names}"}
    for number in range(first, first + images):
        part = "val" if number % 3 == 2 else "train"
        files[f"images/{part}/cell{number}.png"] = picture(24, 16, seed=seed + number)
        files[f"labels/{part}/cell{number}.txt"] = f"{number % 3} 0.5 0.5 0.25 0.5\n0 0.25 0.25 0.1 0.1\n"
    return files


def slow_archive(images: int) -> bytes:
    """Images of two classes that take a while, some 10 ms of a processor each: decoded for long, and all differ."""
    stream = io.BytesIO()
    Image.new("RGB", (1200, 900), (200, 30, 30)).save(stream, "JPEG", progressive=True)
    image = stream.getvalue()
    files = {f"{'red' if number % 2 else 'other'}/{number:04}.jpg": image + b"%d" % number for number in range(images)}
    return zipped(files, zipfile.ZIP_STORED)
