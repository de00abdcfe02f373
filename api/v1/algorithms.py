"""`/api/v1/algorithms`: what a training may be asked to use."""

from __future__ import annotations

from typing import Any

from api.operation import Page, operation
from api.pagination import whole
from api.resource import PlatformResource
from api.v1.algorithm_schemas import AlgorithmShown
from training.algorithms import algorithms


class AlgorithmList(PlatformResource):
    """Algorithms of the project types that have a choice."""

    @operation(gives=Page[AlgorithmShown])
    def get(self) -> dict[str, Any]:
        """Each with its parameters: type, range, default and meaning."""
        return whole(algorithms())
