"""Whether a file that a training made may be served."""

from __future__ import annotations

from training.protocol import TrainingFailed
from utils import DomainError


def admit(content: bytes) -> None:
    """See that an ONNX file passes the check that whoever serves it will make.

    Raises:
        TrainingFailed: it does not.
    """
    from inference.check import check_model  # brings onnx, which only a training needs

    try:
        check_model(content)
    except DomainError as error:
        raise TrainingFailed(error.detail) from error
