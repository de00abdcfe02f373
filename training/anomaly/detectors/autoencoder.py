"""A convolutional autoencoder: what does not go through a narrow place and come out as it was is odd."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from training.anomaly.detectors.protocol import Detector, DetectorParams, Fitted, Fitting, Scores
from training.anomaly.graph import DOUBLE, FLOAT, SeriesGraph

if TYPE_CHECKING:
    import torch

# Two halvings of the window, so that it is looked at in fours.
_FOURS = 4
_KERNEL, _PADDING = 5, 2
_MOST_WINDOWS = 20_000
_LEAST_ERROR = 0.05


class AutoencoderParams(DetectorParams):
    """Parameters of an autoencoder."""

    channels: int = Field(default=16, ge=2, le=128, description="Of the first layer; the second has half as many.")
    learning_rate: float = Field(default=3e-3, ge=1e-5, le=0.1, description="Of Adam.")
    batch: int = Field(default=32, ge=4, le=1_024, description="Windows that are learned from at a time.")


@dataclass(frozen=True)
class Autoencoder(Fitted):
    """A network as arrays.

    Attributes:
        layers: of each convolution, weights and bias float32; two that halve, two that double.
        errors: float64 [sensors], usual mean absolute errors.
    """

    layers: list[tuple[np.ndarray, np.ndarray]]
    errors: np.ndarray

    def score(self, windows: np.ndarray) -> Scores:
        """See `Fitted`."""
        import torch

        network = _network(self.layers[0][0].shape[1], len(self.layers[0][1]))
        with torch.no_grad():
            for layer, (weights, bias) in zip(_convolutions(network), self.layers, strict=True):
                layer.weight.copy_(torch.tensor(weights))
                layer.bias.copy_(torch.tensor(bias))
            given = torch.tensor(_fours(windows), dtype=torch.float32)
            made = torch.cat([network(some) for some in given.split(1024)])
        parts = np.abs((given - made).numpy().astype(float)).mean(2) / self.errors
        return parts.mean(1), parts

    def add(self, graph: SeriesGraph, windows: str, window: int) -> tuple[str, str]:
        """See `Fitted`; convolutions compute in single precision."""
        recent = graph.rows(windows, -(window - window % _FOURS), 0)
        given = graph.cast(graph.op("Transpose", recent, perm=[0, 2, 1]), FLOAT)
        made = given
        for at, (weights, bias) in enumerate(self.layers):
            kind = "Conv" if at < 2 else "ConvTranspose"
            extra: dict[str, Any] = {} if at < 2 else {"output_padding": [1]}
            pads = [_PADDING, _PADDING]
            names = (graph.floats(weights), graph.floats(bias))
            made = graph.op(kind, made, *names, kernel_shape=[_KERNEL], strides=[2], pads=pads, **extra)
            made = made if at == len(self.layers) - 1 else graph.op("Tanh", made)
        error = graph.op("Abs", graph.minus(graph.cast(given, DOUBLE), graph.cast(made, DOUBLE)))
        parts = graph.over(graph.reduce("ReduceMean", error, [2]), self.errors)
        return graph.reduce("ReduceMean", parts, [1]), parts


class AutoencoderDetector(Detector):
    """What a network that knows normal windows cannot repeat."""

    NAME = "autoencoder"
    TITLE = "Autoencoder"
    DESCRIPTION = "A small network that learns to repeat normal windows; what it cannot repeat is odd. Takes longest."
    Params = AutoencoderParams
    IN_EPOCHS = True
    SMALLEST_WINDOW = 4

    def fit(self, windows: np.ndarray, params: AutoencoderParams, fitting: Fitting) -> Fitted:
        """See `Detector`."""
        import torch

        from training.devices import choose_device

        device = choose_device()
        generator = torch.Generator().manual_seed(fitting.seed)
        chosen = np.linspace(0, len(windows) - 1, min(len(windows), _MOST_WINDOWS)).astype(int)
        data = torch.tensor(_fours(windows[chosen]), dtype=torch.float32, device=device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(fitting.seed)
            network = _network(windows.shape[2], params.channels).to(device)
        optimiser = torch.optim.Adam(network.parameters(), lr=params.learning_rate)
        for epoch in range(_resume(network, optimiser, generator, fitting), fitting.epochs):
            loss = _epoch(network, optimiser, data, params.batch, generator)
            if not math.isfinite(loss):
                raise ValueError("the network's error is no number: take a smaller learning rate")
            fitting.heard(epoch + 1, {"train_loss": loss})
            ended = fitting.stopping() or epoch + 1 == fitting.epochs
            _keep(network, optimiser, generator, fitting, epoch + 1, ended)
            if ended:
                break
        layers = [
            (layer.weight.detach().cpu().numpy().copy(), layer.bias.detach().cpu().numpy().copy())
            for layer in _convolutions(network)
        ]
        rough = Autoencoder(layers, np.ones(windows.shape[2]))
        return Autoencoder(layers, np.maximum(rough.score(windows[chosen])[1].mean(0), _LEAST_ERROR))


def _resume(network: Any, optimiser: Any, generator: torch.Generator, fitting: Fitting) -> int:
    """Put everything into the state that `_keep` kept; gives how many epochs need not be trained."""

    def load(state: dict[str, Any]) -> None:
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        generator.set_state(state["random"])

    return fitting.fits.begin(load) if fitting.fits else 0


def _keep(network: Any, optimiser: Any, generator: torch.Generator, fitting: Fitting, epochs: int, ended: bool) -> None:
    if fitting.fits:
        state = {"network": network.state_dict(), "optimiser": optimiser.state_dict(), "random": generator.get_state()}
        fitting.fits.keep({**state, "epochs": epochs}, ended)


def _epoch(network: Any, optimiser: Any, data: torch.Tensor, batch: int, generator: torch.Generator) -> float:
    """One pass; gives the mean loss."""
    import torch

    total = torch.zeros((), device=data.device)  # asked for once a pass: each asking waits for a GPU
    for some in torch.randperm(len(data), generator=generator).to(data.device).split(batch):
        optimiser.zero_grad()
        # Absolute errors: a few anomalies among the training windows weigh less than by squares.
        loss = (network(data[some]) - data[some]).abs().mean()
        loss.backward()
        optimiser.step()
        total = total + loss.detach() * len(some)
    return float(total) / len(data)


def _network(sensors: int, channels: int) -> Any:
    from torch import nn

    half = max(2, channels // 2)
    down: dict[str, Any] = {"kernel_size": _KERNEL, "stride": 2, "padding": _PADDING}
    up = {**down, "output_padding": 1}
    return nn.Sequential(
        nn.Conv1d(sensors, channels, **down),
        nn.Tanh(),
        nn.Conv1d(channels, half, **down),
        nn.Tanh(),
        nn.ConvTranspose1d(half, channels, **up),
        nn.Tanh(),
        nn.ConvTranspose1d(channels, sensors, **up),
    )


def _convolutions(network: Any) -> list[Any]:
    return [layer for layer in network if hasattr(layer, "weight")]


def _fours(windows: np.ndarray) -> np.ndarray:
    """The newest rows of each, as many as four goes into: float64 [n, sensors, rows]."""
    kept = windows.shape[1] - windows.shape[1] % _FOURS
    return np.ascontiguousarray(windows[:, -kept:].transpose(0, 2, 1))
