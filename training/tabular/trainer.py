"""Trains models of tables; scikit-learn is imported only while a training runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import Field, model_validator

from datasets.findings import Finding
from inference.protocol import ModelCard
from training.parameters import check_choice
from training.protocol import Need, Report, Scorer, TrainedModel, TrainerParams, TrainingFailed, Workspace
from training.tabular.algorithms.registry import ALGORITHMS, AUTO


class TabularParams(TrainerParams):
    """Hyper-parameters of a model of tables."""

    train_split: float = Field(default=0.8, ge=0.5, le=0.95, description="Fraction of the rows to train on.")
    algorithm: str = Field(
        default=AUTO, description="`auto` tries several and takes the best; else the name of one of the algorithms."
    )
    parameters: dict[str, Any] = Field(
        default={}, description="Of the algorithm, by name; those that are left out have their defaults."
    )
    time_budget_seconds: int = Field(
        default=60, ge=5, le=86_400, description="How long `auto` may try; the last fit comes on top."
    )
    folds: int = Field(default=5, ge=2, le=10, description="Of the cross-validation that compares algorithms.")

    @model_validator(mode="after")
    def _known(self) -> TabularParams:
        check_choice("algorithm", self.algorithm, self.parameters, ALGORITHMS, AUTO)
        return self


class TabularTrainer:
    """Fits a model that gives each row a class or a value."""

    Params: type[TrainerParams] = TabularParams
    METRIC = "score"
    METRICS: Mapping[str, Need | None] = {
        "score": None,
        **dict.fromkeys(("accuracy", "balanced_accuracy", "f1_macro", "log_loss", "roc_auc"), Need.CLASSES),
        **dict.fromkeys(("r2", "mae", "rmse"), Need.VALUES),
    }
    LIGHTER = "the algorithm `linear`, fewer columns or fewer rows"
    # The file is the smallest form already: there is nothing to make an int8 version of.
    scorer: Callable[[Any, ModelCard, Workspace], Scorer] | None = None

    def check(self, snapshot: Any) -> list[Finding]:
        """Nothing more than any training on a table needs, which its kind of data looks after."""
        return []

    def fit(self, dataset: Any, params: Any, workspace: Workspace, report: Report) -> TrainedModel:
        """Choose, train, export, and score the export on the validation rows.

        Args:
            dataset: a `datasets.tables.schema.TableDataset`.

        Raises:
            TrainingFailed: nothing can be learned, out of memory, or an export that does not agree.
        """
        from training.tabular.run import TabularRun

        try:
            return TabularRun(dataset, params, workspace, report).fit()
        except MemoryError as error:
            raise TrainingFailed(f"out of memory: try {self.LIGHTER}") from error
