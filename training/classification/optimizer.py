"""AdamW that does without torch's compiler; needs torch."""

from __future__ import annotations

from inspect import unwrap

import torch
from torch.optim import AdamW


class EagerAdamW(AdamW):
    """AdamW of a network that is not compiled.

    Torch keeps its compiler away from what an optimizer does, and imports it at the first call to do so, which takes
    as long as a small training. Where nothing is compiled, nothing has to be kept away.
    """

    add_param_group = unwrap(AdamW.add_param_group)
    zero_grad = unwrap(AdamW.zero_grad)
    state_dict = unwrap(AdamW.state_dict)
    load_state_dict = unwrap(AdamW.load_state_dict)
    step = torch.no_grad()(unwrap(AdamW.step))
