"""The command line of the demo."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from demo.client import Client, Refused, Unreachable
from demo.examples import Material
from demo.folders import LayoutError, read_folder
from demo.results import report
from demo.server import own_server, temporary_folder
from demo.story import Story, TrainingEnded
from demo.terminal import Terminal, clock
from launch.family import LaunchError
from settings import SettingsError

OUTPUT = Path("demo-out")
DETECTION_IMAGE_PX = 320
FAILED, INTERRUPTED = 1, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Tell the story.

    Returns:
        The exit status: 0 when it came to its end.
    """
    options = _parser().parse_args(argv)
    terminal = Terminal(sys.stdout)
    signal.signal(signal.SIGTERM, _interrupt)
    started = time.monotonic()
    try:
        materials = _materials(options)
        with _platform(options, terminal) as url, _two_users(url, options, terminal) as (maker, guest):
            for number, make in enumerate(materials, 1):
                _tell(number, make(), Story(maker, guest, terminal), terminal, options.train_split)
    except KeyboardInterrupt:
        sys.stderr.write("\ndemo: interrupted\n")
        return INTERRUPTED
    except (LaunchError, LayoutError, Refused, SettingsError, TrainingEnded, Unreachable) as error:
        sys.stderr.write(f"\ndemo: {error}\n")
        return FAILED
    terminal.say(f"Done in {clock(time.monotonic() - started)} min. The pictures are in {OUTPUT}/.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demo", description="Drive DIYML from sign-up to prediction.")
    parser.add_argument(
        "folder",
        type=Path,
        nargs="?",
        help="images of your own: one folder a class, or the YOLO layout (data.yaml, or images/ and labels/); "
        "without it, hand-written digits",
    )
    parser.add_argument("--epochs", type=int, help="passes over the training images, for each project")
    parser.add_argument(
        "--train-split", type=float, default=0.85, help="share of the uploaded images to train on (%(default)s)"
    )
    parser.add_argument(
        "--image-size",
        type=int,
        help=f"side of the model's input in px ({DETECTION_IMAGE_PX} for detection in a folder of yours)",
    )
    parser.add_argument("--url", help="a DIYML that runs already; without it, one is started and stopped again")
    parser.add_argument("--keep", action="store_true", help="keep users, projects and data folder for looking around")
    return parser


def _materials(options: argparse.Namespace) -> list[Callable[[], Material]]:
    """What the stories are about; made one after the other, when their turn has come."""
    if options.folder:
        own = read_folder(options.folder)
        size = DETECTION_IMAGE_PX if own.project_type == "detection" else None
        return [lambda: _changed(dataclasses.replace(own, image_size=size), options)]
    from demo import digits  # scikit-learn takes a second, which nobody with images of their own need wait

    return [lambda: _changed(digits.classification(), options), lambda: _changed(digits.detection(), options)]


def _changed(material: Material, options: argparse.Namespace) -> Material:
    wishes = {"epochs": options.epochs, "image_size": options.image_size}
    return dataclasses.replace(material, **{name: wish for name, wish in wishes.items() if wish is not None})


@contextlib.contextmanager
def _platform(options: argparse.Namespace, terminal: Terminal) -> Iterator[str]:
    if options.url:
        yield options.url
        return
    with temporary_folder(options.keep) as folder:
        terminal.say("Starting a DIYML for this demo ...")
        with own_server(folder) as url:
            terminal.say(f"It runs at {url} until the end of the demo.\n")
            yield url
        if options.keep:
            terminal.say(f"Its data folder is kept. To look around: DIYML_DATA_DIR={folder} python3 DIYML.py")


@contextlib.contextmanager
def _two_users(url: str, options: argparse.Namespace, terminal: Terminal) -> Iterator[tuple[Client, Client]]:
    """Two accounts that go at the end, and all they own with them."""
    with contextlib.ExitStack() as accounts:
        users = []
        for role in ("maker", "guest"):
            user = Client(url, role)
            users.append(user)
            if options.keep:
                terminal.say(f"The {role} is {user.username}, password {user.password}")
            else:
                accounts.callback(_delete, user)
        yield users[0], users[1]


def _delete(user: Client) -> None:
    # Whatever ended the story may have ended the platform too.
    with contextlib.suppress(Refused, Unreachable):
        user.delete_account()


def _tell(number: int, material: Material, story: Story, terminal: Terminal, train_split: float) -> None:
    terminal.say(f"{number}. {material.title}")
    answers = story.tell(material, train_split)
    if answers:
        report(answers, material, OUTPUT, terminal)
    terminal.say()


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
