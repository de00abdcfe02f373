"""AdamW that does without torch's compiler; needs torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import AdamW


def _plain(method: Callable[..., Any]) -> Any:
    """A method as torch wrote it, before it was wrapped for the compiler."""
    return method.__wrapped__  # type: ignore[attr-defined]


class EagerAdamW(AdamW):
    """AdamW of a network that is not compiled.

    Torch keeps its compiler away from what an optimizer does, and imports it at the first call to do so, which takes
    as long as a small training. Where nothing is compiled, nothing has to be kept away.
    """

    add_param_group = _plain(AdamW.add_param_group)
    zero_grad = _plain(AdamW.zero_grad)
    state_dict = _plain(AdamW.state_dict)
    load_state_dict = _plain(AdamW.load_state_dict)
    step = torch.no_grad()(_plain(AdamW.step))
