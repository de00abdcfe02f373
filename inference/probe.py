"""Whether a stored model can serve: it loads, and it predicts."""

from __future__ import annotations

from contextlib import suppress

from bson import ObjectId

from inference.answers import Damaged, Engine
from storage.models import Model
from utils import Conflict, NotFound, Unavailable, without_folders


def problem_with(engine: Engine, model_id: ObjectId) -> str | None:
    """What keeps a model from being loaded and from predicting something blank, in words; None when nothing does.

    Raises:
        Unavailable: the database does not answer, so nothing can be said.
    """
    try:
        engine.predict_batch(model_id, [])
    except (Damaged, NotFound) as error:
        return error.detail
    except Unavailable:
        raise
    except Exception as error:  # a damaged file or card makes the libraries raise whatever they like
        return f"{type(error).__name__}: {without_folders(str(error))[:200]}".replace("\n", " ")
    return None


def check_answers(engine: Engine, model: Model) -> None:
    """See that a model can answer, and have the engine load it, so that its first caller does not wait for that.

    A busy engine is no reason against it: it loads the model when it is asked for.

    Raises:
        Conflict: it cannot predict.
    """
    with suppress(Unavailable):
        if problem := problem_with(engine, model.id):
            raise Conflict(f"model version {model.version} cannot answer for the project: {problem}")
