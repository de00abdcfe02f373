"""The story of one project: a maker uploads, trains and publishes; a guest infers on images that were kept back."""

from __future__ import annotations

import dataclasses
import functools
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from demo.client import Client, Refused
from demo.examples import Example, Material
from demo.terminal import Bar, Terminal, clock
from utils import plural

AT_A_TIME = 4
LOOK_SECONDS = 0.5
SHOWN_REFUSALS = 5
ABOUT_THE_IMAGE = (400, 413)
METRICS = {"val_accuracy": "accuracy", "accuracy": "accuracy", "map50": "mAP50"}
T = TypeVar("T")
R = TypeVar("R")


class TrainingEnded(Exception):
    """The training ended without a model."""


class Story:
    """Two users of one DIYML and a project of the first."""

    def __init__(self, maker: Client, guest: Client, terminal: Terminal):
        self._maker = maker
        self._guest = guest
        self._terminal = terminal

    def tell(self, material: Material, train_split: float) -> list[tuple[Example, list[dict[str, Any]]]]:
        """From sign-up to prediction; gives what the guest got for each kept image.

        Raises:
            Refused: a step that the rest depends on was refused.
            TrainingEnded: the training failed or was cancelled.
        """
        project = f"{material.project_type}-{secrets.token_hex(3)}"
        self._maker.create_project(project, material)
        self._terminal.say(
            f"  {self._maker.username} makes the {material.project_type} project {project} "
            f"with {plural(len(material.classes), 'class', 'classes')}"
        )
        self._upload(project, material.uploads)
        self._train(project, material, train_split)
        self._maker.call("PUT", "/publish", project_name=project, is_published="True")
        return self._infer(project, material.kept)

    def _upload(self, project: str, examples: tuple[Example, ...]) -> None:
        bar, started = self._terminal.bar("uploading"), time.monotonic()
        refusals: list[str] = []
        outcomes = at_once(functools.partial(place_what_is_right, self._maker, project), examples)
        for done, refused in enumerate(outcomes, 1):
            refusals += refused
            bar.show(done / len(examples), f"{done:,} of {plural(len(examples), 'image')}")
        counted = f", {plural(len(refusals), 'refusal')}" if refusals else ""
        bar.end(f"{plural(len(examples), 'image')} in {clock(time.monotonic() - started)}{counted}")
        self._complain(refusals)

    def _train(self, project: str, material: Material, train_split: float) -> None:
        wish: dict[str, Any] = {"train_split": train_split, "epochs": material.epochs}
        if material.image_size:
            wish["image_size"] = material.image_size
        started = time.monotonic()
        self._maker.call("PUT", "/train", project_name=project, **wish)
        bar = self._terminal.bar("training")
        while (training := self._maker.training(project))["state"] in ("queued", "running"):
            show_training(bar, training)
            time.sleep(LOOK_SECONDS)  # The contract has no way to be told.
        if training["state"] != "succeeded":
            bar.end(training["state"])
            raise TrainingEnded(f"the training {training['state']}: {training['error']}")
        bar.end(f"done in {clock(time.monotonic() - started)}{metric_in_words(training)}")

    def _infer(self, project: str, examples: tuple[Example, ...]) -> list[tuple[Example, list[dict[str, Any]]]]:
        bar, started = self._terminal.bar("inferring"), time.monotonic()
        answers: list[tuple[Example, list[dict[str, Any]]]] = []
        refusals = []
        for done, answer in enumerate(at_once(functools.partial(ask, self._guest, project), examples), 1):
            if isinstance(answer, str):
                refusals.append(answer)
            else:
                answers.append(answer)
            bar.show(done / len(examples), f"{done:,} of {plural(len(examples), 'image')}")
        seconds = time.monotonic() - started
        bar.end(f"{self._guest.username} asks about {plural(len(examples), 'image')} kept back, in {clock(seconds)}")
        self._complain(refusals)
        return answers

    def _complain(self, refusals: list[str]) -> None:
        for refusal in refusals[:SHOWN_REFUSALS]:
            self._terminal.say(f"  refused: {refusal}")
        if len(refusals) > SHOWN_REFUSALS:
            self._terminal.say(f"  refused: {plural(len(refusals) - SHOWN_REFUSALS, 'more time')}")


def at_once(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Results in the order of the items, some of which are worked on at the same time."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            for future in futures:
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def place_what_is_right(maker: Client, project: str, example: Example) -> list[str]:
    """Upload an image; label lines that DIYML refuses are left out. Gives what it refused, in its words.

    Raises:
        Refused: for a reason that is not in this image.
    """
    try:
        maker.place(project, example)
        return []
    except Refused as refused:
        if refused.status not in ABOUT_THE_IMAGE:
            raise
        refusal = f"{describe(example)}: {refused}"
        left = tuple(line for number, line in enumerate(example.labels, 1) if number not in refused.lines)
    if left == example.labels:
        return [refusal]
    return [refusal, *place_what_is_right(maker, project, dataclasses.replace(example, labels=left))]


def ask(guest: Client, project: str, example: Example) -> tuple[Example, list[dict[str, Any]]] | str:
    """Predictions for an image; or what DIYML has against it, in its words."""
    try:
        return example, guest.infer(project, example.content())
    except Refused as refused:
        if refused.status not in ABOUT_THE_IMAGE:
            raise
        return f"{describe(example)}: {refused}"


def describe(example: Example) -> str:
    """What a person knows the image by."""
    return example.name if isinstance(example.source, bytes) else str(example.source)


def show_training(bar: Bar, training: dict[str, Any]) -> None:
    """Move a bar to where a training is."""
    if training["state"] == "queued":
        bar.show(0, "waits for a worker", "queued")
        return
    left = training["eta_seconds"]
    text = f"epoch {training['epoch']} of {training['epochs']}{metric_in_words(training)}"
    bar.show(training["progress"], text + (f", {clock(left)} left" if left else ""), training["epoch"])


def metric_in_words(training: dict[str, Any]) -> str:
    """The metric of a training that a person wants to know, where it has one yet."""
    metrics = training["metrics"] or {}
    known = next((name for name in METRICS if name in metrics), None)
    return f", {METRICS[known]} {metrics[known]:.1%}" if known else ""
