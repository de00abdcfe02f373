"""Which devices a worker takes: what the setting asks for, and what PyTorch can use."""

from __future__ import annotations

from pathlib import Path

import pytest

import training.worker.devices
import training.worker.gpus
from settings import SettingsError
from storage.device import DeviceKind
from training.worker.devices import DeviceMissing, find_devices, parse, the_cpu
from training.worker.gpus import Found, Gpu, find_gpus

TWO = Found((Gpu("NVIDIA A", 2**34, "2"), Gpu("NVIDIA B", 2**35, "GPU-abc")))


@pytest.mark.parametrize("text", ["tpu", "", "gpu:", "gpu:x", "cpu:0", "gpu:-1", "auto,cpu", "gpu:0;gpu:1", "cpu,"])
def test_a_setting_that_makes_no_sense_is_told(text: str) -> None:
    with pytest.raises(SettingsError, match=r"DIYML_DEVICES must be auto or a list .* got"):
        parse(text)


@pytest.mark.parametrize("text", ["cpu,cpu", "gpu:1,gpu:1", "gpu,gpu:0"])
def test_a_device_runs_one_training_so_naming_it_twice_is_a_mistake(text: str) -> None:
    with pytest.raises(SettingsError, match="twice"):
        parse(text)


def test_without_a_driver_the_cpu_is_the_device_and_pytorch_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training.worker.devices, "has_driver", lambda: False)
    monkeypatch.setattr(training.worker.devices, "find_gpus", pytest.fail)
    (device,) = find_devices("auto")
    assert (device.kind, str(device), device.environment) == (DeviceKind.CPU, "cpu", {"CUDA_VISIBLE_DEVICES": ""})
    assert device.name
    assert device.memory_bytes > 2**28


@pytest.mark.parametrize(
    ("text", "names"),
    [("gpu:1", ["gpu:1"]), ("GPU:0, gpu:1", ["gpu:0", "gpu:1"]), ("gpu,cpu", ["gpu:0", "gpu:1", "cpu"])],
)
def test_the_named_devices_are_taken_in_order_and_each_shows_its_training_nothing_else(
    text: str, names: list[str]
) -> None:
    devices = find_devices(text, lambda: TWO)
    assert [str(device) for device in devices] == names
    visible = {"gpu:0": "2", "gpu:1": "GPU-abc", "cpu": ""}
    assert [device.environment["CUDA_VISIBLE_DEVICES"] for device in devices] == [visible[name] for name in names]


def test_auto_takes_every_gpu_and_the_cpu_only_when_none_can_be_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(training.worker.devices, "has_driver", lambda: True)
    monkeypatch.setattr(training.worker.devices, "find_gpus", lambda: TWO)
    assert [str(device) for device in find_devices("auto")] == ["gpu:0", "gpu:1"]
    monkeypatch.setattr(training.worker.devices, "find_gpus", lambda: Found((), "the driver is too old"))
    assert find_devices("auto") == [the_cpu()]
    assert "the driver is too old" in caplog.text


def test_a_gpu_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(DeviceMissing, match=r"'gpu:2', but there is only gpu:0 \(NVIDIA A\), gpu:1 \(NVIDIA B\)"):
        find_devices("gpu:2,cpu", lambda: TWO)


def test_pytorch_itself_is_asked_and_sees_no_gpu_when_the_operator_shows_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert find_gpus().gpus == ()
    with pytest.raises(DeviceMissing, match=r"PyTorch can use no NVIDIA GPU here.* cpu or auto"):
        find_devices("gpu:0", lambda: Found(()))


def test_a_pytorch_that_cannot_be_asked_is_no_gpu_and_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "python").write_text("#!/bin/sh\necho 'ImportError: no torch' >&2; exit 1\n")
    (tmp_path / "python").chmod(0o700)
    monkeypatch.setattr(training.worker.gpus.sys, "executable", str(tmp_path / "python"))
    assert "no torch" in find_gpus().said
