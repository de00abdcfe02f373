"""What torch computes on."""

from __future__ import annotations

import torch

from utils import plural


def choose_device() -> torch.device:
    """The first GPU when torch can use one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def describe_device(device: torch.device) -> str:
    """The device in words, for the model card."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {plural(torch.get_num_threads(), 'thread')}"
