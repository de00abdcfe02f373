"""One training of a detector with ultralytics, from the dataset to the exported model."""

from __future__ import annotations

import functools
import math
import os
import shutil
import time
from pathlib import Path
from typing import Any

from datasets.snapshot import Dataset
from environments import configure_libraries
from inference.protocol import ModelCard
from training.checkpoints import Checkpoints
from training.detection.checkpoint import Resumed, pack, unpack
from training.detection.files import write_dataset
from training.detection.follower import Follower
from training.detection.model import Trained, finish
from training.detection.scoring import scorer
from training.detection.trainer import DetectionParams, DetectionTrainer
from training.protocol import Report, Scorer, TrainedModel, TrainingFailed, Workspace
from training.stopping import StoppedEarly, Stopping

# images that is too little: see benchmarks/detection_job.py. A step every batch costs no time and learns far faster.
_NOMINAL_BATCH = 64
_FEW_STEPS = 1000
_SMALL_BATCH = 8
_USUAL_BATCH = 16
_SMALL_RECIPE = {"optimizer": "AdamW", "lr0": 0.002, "momentum": 0.9, "warmup_epochs": 1.0, "warmup_bias_lr": 0.0}
_GPU_PX, _CPU_PX, _LEAST_PX, _STRIDE = 640, 320, 64, 32
_INTEGRATIONS = ("sync", "clearml", "comet", "dvc", "mlflow", "raytune", "tensorboard", "wandb")
# What an attempt on another machine might choose otherwise, and must not.
_KEPT = ("pretrained", "imgsz", "batch")
_OUT_OF_MEMORY = ("out of memory", "not enough memory", "allocate memory")


def fit(dataset: Dataset, params: Any, workspace: Workspace, report: Report) -> TrainedModel:
    """See `DetectionTrainer.fit`."""
    started = time.monotonic()
    data = write_dataset(dataset, workspace.folder / "data")
    threads = _prepare_ultralytics(workspace.folder)
    weights = _find_weights(workspace, report)
    size_px = params.image_size or fitting_size(dataset)
    report.log(f"images are scaled to {size_px} px on their longer side")
    model = weights or f"{workspace.yolo_model}.yaml"
    arguments = train_arguments(params, data, len(dataset.train), size_px, model)
    stopping = Stopping(report, params.epochs, workspace.stop_seconds)
    try:
        trained = _resume_or_begin(arguments, workspace, report, threads, stopping)

        def test(card: ModelCard, path: Path) -> dict[str, Any]:
            folder = workspace.folder / "test"
            scoring = scorer(write_dataset(dataset.for_test(), folder / "data"), card, folder / "scoring")
            return scoring(path, lambda fraction: stopping.leave_out())

        return finish(trained, dataset, params, workspace, report, stopping, started, test)
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not any(words in str(error) for words in _OUT_OF_MEMORY):
            raise
        raise TrainingFailed(
            f"out of memory at batch {arguments['batch']} and image size {size_px}: try {DetectionTrainer.LIGHTER}"
        ) from error


def scorer_of(dataset: Dataset, card: ModelCard, workspace: Workspace) -> Scorer:
    """See `DetectionTrainer.scorer`."""
    data = write_dataset(dataset, workspace.folder / "data")
    _prepare_ultralytics(workspace.folder)
    return scorer(data, card, workspace.folder / "scoring")


def fitting_size(dataset: Dataset) -> int:
    """An image size that loses no detail where it can be had, and lets a training on a CPU end the same day.

    Returns:
        The longest side of the dataset's images, px, rounded up to a multiple of 32, within what the device can bear:
        from 320 to 640 px a network has four times the work.
    """
    import torch

    most = _GPU_PX if torch.cuda.is_available() else _CPU_PX
    longest = max(max(sample.width, sample.height) for sample in dataset.train)
    return min(most, max(_LEAST_PX, math.ceil(longest / _STRIDE) * _STRIDE))


def train_arguments(
    params: DetectionParams, data: Path, images: int, size_px: int, model: Path | str
) -> dict[str, Any]:
    """What ultralytics' `train` gets.

    Args:
        data: the dataset's YAML file.
        images: how many there are to train on.
        size_px: longer side of the input.
        model: a `.pt` file with weights to start from, or the name of an architecture to start from scratch.
    """
    import torch

    scratch = str(model).endswith(".yaml")
    small = scratch and math.ceil(images / _NOMINAL_BATCH) * params.epochs < _FEW_STEPS
    batch = _safe_batch(params.batch or (_SMALL_BATCH if small else _USUAL_BATCH), images, size_px)
    recipe: dict[str, Any] = {**_SMALL_RECIPE, "nbs": batch} if small else {}
    if params.learning_rate is not None:
        recipe = {"optimizer": "AdamW", "momentum": 0.9, **recipe, "lr0": params.learning_rate}
    cuda = torch.cuda.is_available()
    return {
        **recipe,
        "model": str(model),
        "data": str(data),
        "pretrained": not scratch,
        "epochs": params.epochs,
        "imgsz": size_px,
        "batch": batch,
        "patience": params.patience,
        "seed": params.seed,
        "fliplr": 0.5 if params.mirror else 0.0,
        "device": "0" if cuda else "cpu",
        "workers": min(8, os.cpu_count() or 1) if cuda else 0,
        # Half precision of the older kind is checked with a model that would be downloaded.
        "amp": "bf16" if cuda and torch.cuda.is_bf16_supported(including_emulation=False) else False,
    }


def _safe_batch(batch: int, images: int, size_px: int) -> int:
    """A batch size that leaves no last batch of one image, of whose single cell batch normalisation knows no spread."""
    while size_px < 64 and (min(images, batch) == 1 or images % batch == 1):
        batch += 1
    return batch


def _resume_or_begin(
    arguments: dict[str, Any], workspace: Workspace, report: Report, threads: int, stopping: Stopping
) -> Trained:
    """Train on from the workspace's checkpoint, or from the start when there is none that can be used."""

    def follower(history: list[dict[str, float]], arguments: dict[str, Any]) -> Follower:
        kept = {"architecture": workspace.yolo_model, **{name: arguments[name] for name in _KEPT}}
        save = functools.partial(pack, arguments=kept)
        return Follower(report, arguments["epochs"], threads, stopping, Checkpoints(workspace, report), save, history)

    resuming: Follower | None = None
    if workspace.checkpoint:
        try:
            resumed = unpack(workspace.checkpoint, workspace.folder / "resumed")
            if resumed.arguments.pop("architecture") != workspace.yolo_model:
                raise ValueError("it is of another architecture")
            as_before = {**arguments, **resumed.arguments}
            resuming = follower(resumed.history, as_before)
            return _train(as_before, resuming, resumed)
        except Exception as error:  # a bad checkpoint shows in many ways, none a reason not to train
            if resuming and resuming.started:
                raise
            report.log(f"the checkpoint cannot be used, training starts over: {type(error).__name__}: {error}")
            shutil.rmtree(workspace.folder / "run", ignore_errors=True)
    return _train(arguments, follower([], arguments), None)


def _engine(arguments: dict[str, Any], resumed: Resumed | None) -> Any:
    """Ultralytics' trainer."""
    from ultralytics.models.yolo.detect import DetectionTrainer as Engine

    # Our own pictures show the classes' real names, which must not get in here, and cost less time.
    folder = Path(arguments["data"]).parent.parent / "run"
    given = {"save_dir": str(folder), "plots": False, "verbose": False}
    if resumed is None:
        return Engine(overrides={**arguments, **given})
    # What is not named here it takes from the checkpoint.
    here = {name: arguments[name] for name in ("data", "device", "workers")}
    engine = Engine(overrides={**here, **given, "resume": str(resumed.last)})
    engine.args.amp = arguments["amp"]
    # It only writes the best when an epoch is better still.
    shutil.copy(resumed.best, engine.best)
    return engine


def _train(arguments: dict[str, Any], follower: Follower, resumed: Resumed | None) -> Trained:
    from ultralytics import YOLO
    from ultralytics.utils.torch_utils import strip_optimizer

    validated = True
    try:
        engine = _engine(arguments, resumed)
        follower.follow(engine)
        try:
            engine.train()
        except StoppedEarly:
            validated = False
            strip_optimizer(engine.best)
    except FileNotFoundError as error:
        if arguments["model"] not in str(error):
            raise
        raise TrainingFailed(f"ultralytics knows no model '{arguments['model']}': set DIYML_YOLO_MODEL") from error
    if not engine.best.exists():
        raise TrainingFailed("no epoch gave a model whose numbers are finite: try a smaller learning rate")
    return Trained(engine, YOLO(engine.best), arguments, follower, validated)


def _prepare_ultralytics(folder: Path) -> int:
    """Import ultralytics such that it reaches no network and writes nowhere but into the folder.

    Returns:
        How many threads torch uses when ultralytics does not change that.
    """
    # Threads that spin while they wait make a training many times slower as soon as anything else runs beside it.
    configure_libraries(OMP_WAIT_POLICY="PASSIVE")
    import torch

    threads = torch.get_num_threads()
    # It has no other way to be told.
    configure_libraries(
        YOLO_OFFLINE="true",
        YOLO_AUTOINSTALL="false",
        YOLO_VERBOSE="false",
        YOLO_CONFIG_DIR=str(folder / "ultralytics"),
        MPLCONFIGDIR=str(folder / "matplotlib"),
    )
    import matplotlib
    from ultralytics.utils import LOGGER, SETTINGS, USER_CONFIG_DIR

    LOGGER.setLevel("WARNING")
    if any(SETTINGS[name] for name in _INTEGRATIONS):
        SETTINGS.update(dict.fromkeys(_INTEGRATIONS, False))
    # A font of this name is downloaded when it is not there.
    font = USER_CONFIG_DIR / "Arial.ttf"
    if not font.exists():
        font.parent.mkdir(parents=True, exist_ok=True)
        font.symlink_to(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf")
    return threads


def _find_weights(workspace: Workspace, report: Report) -> Path | None:
    """Pretrained weights, or None to start from scratch.

    Reading a `.pt` file unpickles it, which can run code: only what lies in the operator's folder, or what
    ultralytics itself downloads into it, is ever read.
    """
    from ultralytics.utils.downloads import attempt_download_asset

    path = workspace.weights_path.absolute() / f"{workspace.yolo_model}.pt"
    if not path.is_file() and workspace.download_weights:
        report.log(f"downloading pretrained weights {path.name}")
        try:
            attempt_download_asset(path)
        except Exception as error:  # a network fails in many ways, and none of them is a reason not to train
            report.log(f"the download failed: {error}")
    report.log(f"starting from {f'pretrained weights {path.name}' if path.is_file() else 'scratch'}")
    return path if path.is_file() else None
