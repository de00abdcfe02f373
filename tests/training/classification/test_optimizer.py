from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import OneCycleLR

from tests.conftest import ROOT
from training.classification.optimizer import EagerAdamW

pytestmark = pytest.mark.usefixtures("one_thread")

# What a training from scratch does with it, and what it would import if the compiler were asked.
SCRATCH = """
import sys, torch
from training.classification.networks import build
from training.classification.optimizer import EagerAdamW
model = build(2, None)
optimizer = EagerAdamW(model.parameters(), fused=True)
for _ in range(2):
    optimizer.zero_grad()
    model(torch.zeros(4, 32, 32, 3, dtype=torch.uint8)).sum().backward()
    optimizer.step()
optimizer.load_state_dict(optimizer.state_dict())
print(sorted({"torchvision", "torch._dynamo"} & set(sys.modules)))
"""


def train(network: nn.Module, optimizer: Optimizer) -> list[torch.Tensor]:
    """The weights after some steps along a cycle of the learning rate."""
    rate = OneCycleLR(optimizer, 0.1, total_steps=21)
    random = torch.Generator().manual_seed(1)
    for _ in range(20):
        images, labels = torch.randn(16, 8, generator=random), torch.randint(3, (16,), generator=random)
        optimizer.zero_grad()
        functional.cross_entropy(network(images), labels).backward()
        optimizer.step()
        rate.step()
    return [parameter.detach() for parameter in network.parameters()]


def test_its_steps_are_those_of_torchs_own():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 3))
    other = copy.deepcopy(network)
    ours = train(network, EagerAdamW(network.parameters(), weight_decay=0.05, fused=True))
    theirs = train(other, AdamW(other.parameters(), weight_decay=0.05))
    for mine, reference in zip(ours, theirs, strict=True):
        assert torch.allclose(mine, reference, atol=1e-5)


def test_a_training_from_scratch_imports_neither_torchvision_nor_the_compiler():
    run = subprocess.run([sys.executable, "-c", SCRATCH], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.strip() == "[]"
