"""Images, imports, exports and versions over the client."""

from __future__ import annotations

import dataclasses
import shutil
import zipfile
from pathlib import Path

import pytest

from diyml_client import Client, Comparison, Import, NotFound, Project, UploadState
from diyml_client.errors import InvalidRequest
from diyml_client.folders import found_in
from tests.client.conftest import QUICK
from tests.client.proxy import BadConnection
from tests.client.routes import P, needs

pytestmark = needs("/api/v1/projects", f"{P}/images")


def _packed(folder: Path, target: Path) -> Path:
    return Path(shutil.make_archive(str(target), "zip", folder))


def test_a_folder_is_uploaded_with_its_labels_and_a_second_run_sends_only_what_is_missing(
    project: Project, shades: Path, tmp_path: Path
):
    folder = tmp_path / "some"
    shutil.copytree(shades / "dark", folder / "dark")
    states: list[UploadState] = []
    first = project.images.upload(folder, "folders", progress=states.append, workers=3)
    assert (first.created, first.present, first.failed) == (6, 0, {})
    assert dataclasses.astuple(states[-1])[:2] == (6, 6)
    assert states[-1].size == states[-1].of_size > 0
    shutil.copytree(shades / "bright", folder / "bright")
    (folder / "dark" / "1.png").write_bytes((folder / "bright" / "0.png").read_bytes())
    second = project.images.upload(folder, "folders")
    assert (second.created, second.replaced, second.present) == (6, 1, 5)
    images = {image.name: image for image in project.images}
    assert len(images) == 12
    assert images["dark_3.png"].annotations[0].class_name == "dark"
    assert images["bright_0.png"].labelled


def test_a_bad_file_is_named_and_loses_no_other(project: Project, shades: Path, tmp_path: Path):
    shutil.copytree(shades / "dark", tmp_path / "x")
    (tmp_path / "x" / "broken.png").write_bytes(b"no picture")
    result = project.images.upload(tmp_path / "x", dict.fromkeys(["1.png", "3.png"], "dark"))
    assert result.created == 6
    assert list(result.failed) == ["broken.png"]
    assert sum(image.labelled for image in project.images) == 2
    alone = project.images.upload([tmp_path / "x" / "broken.png"])
    assert list(alone.failed) == ["broken.png"]


def test_a_folder_without_images_is_refused_before_anything_is_sent(project: Project, tmp_path: Path):
    with pytest.raises(InvalidRequest, match="no image in"):
        project.images.upload(tmp_path)
    with pytest.raises(InvalidRequest, match="there is no"):
        project.images.upload(tmp_path / "nowhere")


def test_labels_of_the_yolo_layout_are_found_beside_the_images_or_in_labels(tmp_path: Path):
    for folder in ("images/train", "labels/train"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("a", "b", "c"):
        (tmp_path / "images/train" / f"{name}.jpg").write_bytes(b"x")
    (tmp_path / "labels/train/a.txt").write_text("0 .5 .5 .1 .1\n")
    (tmp_path / "images/train/b.txt").write_text("")
    found = {image.name: image.labels for image in found_in(tmp_path, "auto")}
    assert found == {"images_train_a.jpg": "0 .5 .5 .1 .1", "images_train_b.jpg": "", "images_train_c.jpg": None}


def test_an_image_is_read_labelled_changed_and_deleted(project: Project, shades: Path, tmp_path: Path):
    project.images.upload([shades / "dark" / "1.png"], lambda path: "dark", tags=["first"], split="val")
    image = project.images.get("1.png")
    assert (image.width, image.format.upper(), image.split, image.tags) == (16, "PNG", "val", ["first"])
    assert image.content() == (shades / "dark" / "1.png").read_bytes()
    assert image.download(tmp_path).read_bytes() == image.content()
    assert image.thumbnail(64)[:2] == b"\xff\xd8"
    image.update(split=None, tags=["second"])
    assert image.annotate([{"class": "bright"}]).annotations[0].class_name == "bright"
    assert [found.name for found in project.images.list(class_="bright", tag="second", labelled=True)] == ["1.png"]
    assert list(project.images.list(class_=["dark"])) == []
    image.delete()
    with pytest.raises(NotFound):
        project.images.get("1.png")


@needs(f"{P}/images/bulk")
def test_many_images_are_changed_at_once(project: Project, shades: Path):
    project.images.upload(shades, "folders")
    assert project.images.bulk("tag", "night", class_=["dark"]) == 6
    assert project.images.bulk("delete", tag="night") == 6
    assert len(list(project.images)) == 6
    with pytest.raises(ValueError, match="say which"):
        project.images.bulk("delete")


@needs(f"{P}/analysis", f"{P}/readiness")
def test_a_project_says_whether_it_can_be_trained(project: Project, shades: Path):
    assert not project.readiness().ready
    assert project.readiness().reasons
    project.images.upload(shades, "folders")
    assert project.readiness().ready
    assert project.analysis()
    assert isinstance(project.duplicates(0), list)


@needs(f"{P}/imports")
def test_an_archive_is_imported_and_its_report_says_what_was_wrong(project: Project, shades: Path, tmp_path: Path):
    shutil.copytree(shades, tmp_path / "x")
    (tmp_path / "x" / "dark" / "broken.png").write_bytes(b"no picture")
    seen: list[tuple[int, int | None]] = []
    record = project.imports.create(
        _packed(tmp_path / "x", tmp_path / "x"), format="folders", progress=lambda *state: seen.append(state)
    )
    assert (record.state, record.counts["created"], record.counts["failed"]) == ("succeeded", 12, 1)
    assert seen[-1][0] == seen[-1][1]
    assert any("broken.png" in str(line) for line in record.report())
    assert b"broken.png" in record.download_report(tmp_path / "report.csv").read_bytes()
    assert [found.id for found in project.imports.list()] == [record.id]
    record.delete()
    with pytest.raises(NotFound):
        project.imports.get(record.id)


@needs(f"{P}/imports")
def test_an_upload_of_an_archive_goes_on_after_a_lost_connection(
    user: Client, project: Project, shades: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    archive = _packed(shades, tmp_path / "shades")
    monkeypatch.setattr("diyml_client.imports.CHUNK_BYTES", 4000)
    with BadConnection(user.url) as bad:
        far = Client(bad.url, user.token, patience=QUICK).projects.get(project.id)
        bad.break_request_after(9000)
        record = far.imports.create(archive, format="folders")
    assert record.state == "succeeded"
    assert record.counts["created"] == 12


@needs(f"{P}/imports")
def test_an_upload_that_another_run_broke_off_goes_on_where_it_was(
    project: Project, shades: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path
):
    archive = _packed(shades, tmp_path / "shades")
    monkeypatch.setattr("diyml_client.imports.CHUNK_BYTES", 4000)

    def enough(here: int, whole: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        project.imports.create(archive, progress=enough, format="folders")
    offsets: list[int] = []
    record: Import = project.imports.create(
        archive, format="folders", progress=lambda here, whole: offsets.append(here)
    )
    assert record.state == "succeeded"
    assert offsets[0] > 4000
    assert len(list(project.imports.list())) == 1


@needs(f"{P}/exports/<export_format>")
def test_data_are_exported_as_a_file(project: Project, shades: Path, tmp_path: Path):
    project.images.upload(shades, "folders")
    with zipfile.ZipFile(project.exports.download("folders", tmp_path / "out.zip")) as archive:
        assert sum(name.endswith(".png") for name in archive.namelist()) == 12
    assert not (tmp_path / "out.zip.part").exists()


@needs("/api/v1/capsules")
def test_a_project_goes_to_another_server_as_a_capsule(user: Client, project: Project, shades: Path, tmp_path: Path):
    project.images.upload(shades, "folders")
    capsule = project.exports.capsule(tmp_path / "all.zip")
    again = user.projects.from_capsule(capsule, f"{project.name}-again")
    assert (again.id != project.id, again.counts["images"]) == (True, 12)


@needs(f"{P}/versions")
def test_versions_stay_and_are_compared(project: Project, shades: Path):
    project.images.upload(shades / "dark", dict.fromkeys([f"{n}.png" for n in range(12)], "dark"))
    version = project.versions.create("first", "dark ones")
    assert (version.version, version.images, version.classes) == (1, 6, ["dark", "bright"])
    project.images.upload(shades / "bright")
    found = project.versions.compare(1)
    assert isinstance(found, Comparison)
    assert (found.same, found.added.count, found.unchanged) == (False, 6, 6)
    assert project.versions.update(1, name="night").name == "night"
    assert [item.name for item in project.versions.list()] == ["night"]
    project.versions.delete(1)
    assert list(project.versions.list()) == []
