"""The algorithms by name. A new one is one line here."""

from __future__ import annotations

from training.tabular.algorithms.boosting import BoostingAlgorithm
from training.tabular.algorithms.forest import ForestAlgorithm
from training.tabular.algorithms.linear import LinearAlgorithm
from training.tabular.algorithms.neighbours import NeighboursAlgorithm
from training.tabular.algorithms.perceptron import PerceptronAlgorithm
from training.tabular.algorithms.protocol import Algorithm
from training.tabular.algorithms.svm import SvmAlgorithm

AUTO = "auto"
ALGORITHMS: dict[str, Algorithm] = {
    algorithm.NAME: algorithm
    for algorithm in (
        LinearAlgorithm(),
        ForestAlgorithm(),
        BoostingAlgorithm(),
        NeighboursAlgorithm(),
        SvmAlgorithm(),
        PerceptronAlgorithm(),
    )
}
