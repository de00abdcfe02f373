"""`/api/v1/projects/<project>/images/bulk`: the same change of many images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from api.operation import operation
from api.parameters import parse
from api.v1.image_answers import BulkChanged
from api.v1.image_schemas import MOST_CHANGED, Action, AnnotationsValue, BulkChange, Selection, SplitValue, TagValue
from api.v1.image_wishes import filter_of, labels_given
from api.v1.images import ImagesResource
from datasets.placing import labels_of
from storage.database import batches, object_id
from storage.image import Labels
from storage.image_changes import BatchDone
from utils import InvalidInput

Ids = list[Any]


class ImageBulk(ImagesResource):
    """Many images at once."""

    @operation(takes=BulkChange, gives=BulkChanged)
    def post(self, change: BulkChange) -> dict[str, Any]:
        """Delete them, or change their split, a tag or their labels, some at a time."""
        apply = self._action(change)
        ids = self._selected(change.select)
        chosen, more = ids[:MOST_CHANGED], len(ids) > MOST_CHANGED
        done = [apply(batch) for batch in batches(chosen)]
        return {"matched": sum(d.matched for d in done), "changed": sum(d.changed for d in done), "more": more}

    def _selected(self, select: Selection) -> Ids:
        """Ids of the images that are meant, one more than may be changed in one call when there are more.

        Raises:
            InvalidInput: neither ids nor a filter, or both.
        """
        if (select.ids is None) == (select.filter is None):
            message = "select: send `ids`, or `filter` as for the list ({} is all images); one of the two"
            raise InvalidInput(message, [{"field": "select", "message": message}])
        if select.ids is not None:
            return [object_id(text, "image") for text in dict.fromkeys(select.ids)]
        assert select.filter is not None
        wanted = filter_of(select.filter, self.project)
        return self.services.store.image_queries.ids(self.project.id, wanted, MOST_CHANGED + 1)

    def _action(self, change: BulkChange) -> Callable[[Ids], BatchDone]:
        """What to do with each batch; the value is looked at first."""
        project, store = self.project, self.services.store
        changes, value = store.image_changes, {"value": change.value}
        if change.action is Action.SPLIT:
            split = parse(SplitValue, value).value.stored
            return lambda ids: changes.split(project.id, ids, split)
        if change.action is Action.TAG:
            tag = parse(TagValue, value).value
            return lambda ids: changes.tag(project.id, ids, tag)
        if change.action is Action.UNTAG:
            tag = parse(TagValue, value).value
            return lambda ids: changes.untag(project.id, ids, tag)
        if change.action is Action.ANNOTATE:
            labels = self._labels(change.value)
            return lambda ids: changes.label(project.id, ids, labels)
        return lambda ids: _all_of(store.images.delete_many(project.id, ids))

    def _labels(self, value: Any) -> Labels:
        given = None if value is None else parse(AnnotationsValue, {"value": value}).value
        said = given if given is None or isinstance(given, str) else labels_given(given)
        return labels_of(said, self.project) or Labels()


def _all_of(count: int) -> BatchDone:
    return BatchDone(count, count)
