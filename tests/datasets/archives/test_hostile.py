"""Archives that are made to harm, or damaged: each is refused with the reason, whole or in part."""

from __future__ import annotations

import io
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from datasets.archives.members import Limits
from datasets.archives.opening import open_archive
from datasets.formats.protocol import Finding
from tests.datasets.archive_files import tarred, zipped
from utils import InvalidInput

LIMITS = Limits(most_members=100, most_bytes=40_000_000, most_member_bytes=20_000_000)
MOST = 30_000_000
BAD_PATHS = {
    "../out.txt": "leads out",
    "a/../../out.txt": "leads out",
    "/etc/passwd": "absolute",
    "C:\\out.txt": "absolute",
    "..\\out.txt": "leads out",
    "a\nb.txt": "control characters",
    "x" * 1001: "characters",
    "more.zip": "archive within",
    "more.tar.gz": "archive within",
}


def opened(content: bytes, folder: Path, limits: Limits = LIMITS) -> tuple[dict[str, bytes | str], dict[str, str]]:
    """Content, or what is wrong with it, of each file by name; and findings."""
    findings: list[Finding] = []
    files: dict[str, bytes | str] = {}
    with open_archive(io.BytesIO(content), folder, limits, findings.append, lambda: None) as source:
        for name in source.names():
            try:
                files[name] = source.read(name, MOST)
                with source.open(name) as stream:
                    assert stream.read() == files[name]
            except InvalidInput as error:
                files[name] = error.detail
    return files, {finding.path: finding.reason for finding in findings}


def refused(content: bytes, folder: Path, limits: Limits = LIMITS) -> str:
    """Why the whole is."""
    with pytest.raises(InvalidInput) as caught:
        opened(content, folder, limits)
    return caught.value.detail


@pytest.mark.parametrize("make", [zipped, tarred, partial(tarred, packed=True)], ids=["zip", "tar", "tar.gz"])
def test_what_is_sound_is_read_and_paths_that_lead_elsewhere_are_left_out(tmp_path: Path, make: Callable[..., bytes]):
    good = {"a/b.txt": "text", "./c.txt": b"\0" * 100_000, "ä.txt": "umlaut", "empty.txt": ""}
    files, findings = opened(make({**good, **dict.fromkeys(BAD_PATHS, "bad")}), tmp_path)
    assert files == {"a/b.txt": b"text", "c.txt": bytes(100_000), "ä.txt": b"umlaut", "empty.txt": b""}
    assert len(findings) == len(BAD_PATHS)
    for path, reason in BAD_PATHS.items():
        shown = path.replace("\n", "?")[:1000]
        assert any(reason in text for found, text in findings.items() if found == shown), path


def test_of_two_files_of_one_name_the_first_counts(tmp_path: Path):
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for text in (b"first", b"second"):
            member = tarfile.TarInfo("a.txt")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    files, findings = opened(target.getvalue(), tmp_path)
    assert files == {"a.txt": b"first"}
    assert "two files of this name" in findings["a.txt"]


def test_links_and_devices_are_left_out(tmp_path: Path):
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, kind in (("link", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE), ("dev", tarfile.CHRTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
    assert opened(target.getvalue(), tmp_path) == ({}, dict.fromkeys(("link", "hard", "dev"), _NOT_A_FILE))
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as zip_file:
        info = zipfile.ZipInfo("link")
        info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        zip_file.writestr(info, "/etc/passwd")
    assert opened(target.getvalue(), tmp_path) == ({}, {"link": _NOT_A_FILE})


_NOT_A_FILE = "a link or a device, not a file: left out"


def test_encrypted_files_and_unusual_methods_are_left_out(tmp_path: Path):
    content = bytearray(zipped({"a.txt": "text", "b.txt": "text"}))
    directory = content.index(b"PK\1\2")
    content[directory + 8] |= 1
    files, findings = opened(bytes(content), tmp_path)
    assert files == {"b.txt": b"text"}
    assert "encrypted" in findings["a.txt"]
    _, findings = opened(zipped({"a.txt": "text"}, zipfile.ZIP_LZMA), tmp_path)
    assert "method 14" in findings["a.txt"]


def test_a_bomb_is_refused_by_its_ratio_as_a_file_and_as_a_whole(tmp_path: Path):
    bomb = zipped({"bomb.txt": bytes(10_000_000), "a.txt": "text"})
    files, findings = opened(bomb, tmp_path)
    assert files == {"a.txt": b"text"}
    assert "250 times" in findings["bomb.txt"]
    many = zipped({f"{number}.txt": bytes(1_000_000) for number in range(30)})
    assert "made to harm" in refused(many, tmp_path)
    assert "allowed are 40,000,000" in refused(
        zipped({f"{number}": bytes(9_000_000) for number in range(5)}, zipfile.ZIP_STORED), tmp_path
    )
    small = Limits(most_members=100, most_bytes=5_000_000, most_member_bytes=4_000_000)
    assert "unpacks to more than" in refused(tarred({"a": bytes(9_000_000)}, packed=True), tmp_path, small)
    _, findings = opened(tarred({"a": bytes(21_000_000)}), tmp_path)
    assert "allowed are 20,000,000 a file" in findings["a"]


def test_sizes_in_headers_are_not_believed(tmp_path: Path):
    content = bytearray(zipped({"a.txt": bytes(5_000_000)}))
    directory = content.index(b"PK\1\2")
    struct.pack_into("<L", content, directory + 24, 1000)
    files, _ = opened(bytes(content), tmp_path)
    assert "more than the 1,000 bytes it says" in str(files["a.txt"])
    content = bytearray(zipped({"a.txt": b"short"}))
    struct.pack_into("<L", content, content.index(b"PK\1\2") + 24, 900_000)
    files, _ = opened(bytes(content), tmp_path)
    assert "5 of its 900,000 bytes" in str(files["a.txt"])


def test_damage_is_told_of_each_file(tmp_path: Path):
    content = bytearray(zipped({"a.txt": "text", "b.txt": "text", "c.txt": "text"}, zipfile.ZIP_STORED))
    content[content.index(b"text")] ^= 1
    content[content.index(b"PK\3\4", 10) + 1] = 0
    files, _ = opened(bytes(content), tmp_path)
    assert "checksum (CRC-32) is wrong" in str(files["a.txt"])
    assert "does not hold it where its directory says" in str(files["b.txt"])
    assert files["c.txt"] == b"text"
    content = bytearray(zipped({"a.txt": "some text that is long enough to deflate " * 9}))
    content[35] = 0xFF
    files, _ = opened(bytes(content), tmp_path)
    assert "cannot be unpacked" in str(files["a.txt"])


def test_members_that_overlap_are_refused(tmp_path: Path):
    content = bytearray(zipped({"a.txt": "text", "b.txt": "text"}))
    second = content.index(b"PK\1\2", content.index(b"PK\1\2") + 4)
    struct.pack_into("<L", content, second + 42, 0)
    assert "overlap" in refused(bytes(content), tmp_path)


@pytest.mark.parametrize("make", [zipped, tarred], ids=["zip", "tar"])
def test_too_many_entries_are_refused(tmp_path: Path, make: Callable[..., bytes]):
    assert "more than the 100 entries" in refused(make({f"{number}": "" for number in range(101)}), tmp_path)


def test_a_directory_that_lies_is_refused(tmp_path: Path):
    content = bytearray(zipped({"a.txt": "text"}))
    end = content.index(b"PK\5\6")
    for field, value in ((12, 0xFFFFFF), (16, 0xFFFFFF), (12, 20)):
        changed = bytearray(content)
        struct.pack_into("<L", changed, end + field, value)
        assert "damaged" in refused(bytes(changed), tmp_path)
    assert "ends in the middle" in refused(_with_name_size(content, 60_000), tmp_path)


def _with_name_size(content: bytearray, size: int) -> bytes:
    changed = bytearray(content)
    struct.pack_into("<H", changed, changed.index(b"PK\1\2") + 28, size)
    return bytes(changed)


def test_headers_of_a_tar_are_bounded(tmp_path: Path):
    header = tarfile.TarInfo("././@PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, 4 * 1024**3
    assert "longer than any name" in refused(header.tobuf() + bytes(2048), tmp_path)
    content = tarred({"a": "text" * 1000})
    assert "behind its end" in refused(content[:1024], tmp_path)


def test_zip64_is_read(tmp_path: Path):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive, archive.open("a.txt", "w", force_zip64=True) as member:
        member.write(b"text")
    assert opened(target.getvalue(), tmp_path) == ({"a.txt": b"text"}, {})
    assert opened(_zip64(b"text"), tmp_path) == ({"a.txt": b"text"}, {})
    # Something may stand before an archive, as a program that unpacks it.
    assert opened(b"#!/bin/sh\n" * 9 + zipped({"a.txt": "text"}), tmp_path) == ({"a.txt": b"text"}, {})


def _zip64(data: bytes) -> bytes:
    """An archive whose every size and offset stands in the fields of 64 bits."""
    crc, name = zlib.crc32(data), b"a.txt"
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 45, 0, 0, 0, 0, crc, len(data), len(data), len(name), 0) + name + data
    extra = struct.pack("<HHQQQ", 1, 24, len(data), len(data), 0)
    wide = 0xFFFFFFFF
    entry = struct.pack(
        "<4s6H3L5H2L", b"PK\1\2", 45, 45, 0, 0, 0, 0, crc, wide, wide, len(name), len(extra), 0, 0, 0, 0, wide
    )  # fmt: skip
    directory = entry + name + extra
    end_64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, len(directory), len(local))
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(local) + len(directory), 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, wide, wide, 0)
    return local + directory + end_64 + locator + end


def test_any_byte_may_be_wrong_and_nothing_but_a_refusal_comes_of_it(tmp_path: Path):
    files = {"a.txt": "text" * 50, "b.txt": bytes(2000)}
    for content in (zipped(files), tarred(files), tarred(files, packed=True)):
        for place in range(0, len(content), max(1, len(content) // 300)):
            changed = bytearray(content)
            changed[place] ^= 0xFF
            for wrong in (bytes(changed), content[:place]):
                try:
                    opened(wrong, tmp_path)
                except InvalidInput:
                    continue
