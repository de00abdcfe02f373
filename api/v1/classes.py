"""`/api/v1/projects/<project>/classes`: the class list, a class at a time."""

from __future__ import annotations

from api.etags import etag, wanted_revision
from api.operation import operation
from api.v1.located import ProjectResource
from api.v1.project_answers import ChangedClassList, ClassListShown
from api.v1.project_representation import class_list_shown, project_url
from api.v1.project_schemas import ClassMerge, ClassOrder, ClassRemoval, ClassRename, NewClass
from datasets.registry import IMAGES
from storage.classes import ClassChange
from utils import NotFound

REVISION = {"ETag": "the revision of the list, for If-Match"}
Changed = tuple[ChangedClassList, dict[str, str]]


class ClassResource(ProjectResource):
    """The base of what changes a class list: each answers with the list as it is then."""

    KIND = IMAGES

    def changed(self, change: ClassChange) -> Changed:
        """The list after a change."""
        shown = class_list_shown(self.services.store, change.project)
        list_and_change = ChangedClassList(**vars(shown), annotations_changed=change.annotations_changed)
        return list_and_change, etag(change.project.classes_revision)


class ClassList(ClassResource):
    """The class list."""

    @operation(gives=ClassListShown, headers=REVISION)
    def get(self) -> tuple[ClassListShown, dict[str, str]]:
        """The classes in order, with those that left the list and whose annotations wait."""
        return class_list_shown(self.services.store, self.project), etag(self.project.classes_revision)

    @operation(
        takes=NewClass,
        gives=ChangedClassList,
        status=201,
        errors=(409, 412),
        headers={"Location": "the list"} | REVISION,
    )
    def post(self, new: NewClass) -> Changed:
        """Add a class; the name of one that had left the list brings it back with its annotations."""
        change = self.services.store.classes.add(self.project, new.name, new.index, wanted_revision())
        shown, headers = self.changed(change)
        return shown, {**headers, "Location": f"{project_url(self.project)}/classes"}


class ClassOrderItem(ClassResource):
    """The order of the class list."""

    @operation(takes=ClassOrder, gives=ChangedClassList, errors=(412,), headers=REVISION)
    def put(self, order: ClassOrder) -> Changed:
        """Put the classes in another order; no annotation changes."""
        return self.changed(self.services.store.classes.sort(self.project, order.class_ids, wanted_revision()))


class ClassItem(ClassResource):
    """One class, by its id."""

    @operation(takes=ClassRename, gives=ChangedClassList, errors=(404, 409, 412), headers=REVISION)
    def patch(self, change: ClassRename, class_id: str) -> Changed:
        """Give it another name; its annotations stay with it."""
        classes = self.services.store.classes
        return self.changed(classes.rename(self.project, _id(class_id), change.name, wanted_revision()))

    @operation(takes=ClassRemoval, gives=ChangedClassList, errors=(404, 412), headers=REVISION)
    def delete(self, removal: ClassRemoval, class_id: str) -> Changed:
        """Take it off the list; its annotations wait for it to come back, or go with it."""
        classes = self.services.store.classes
        remove = classes.delete if removal.annotations == "delete" else classes.retire
        return self.changed(remove(self.project, _id(class_id), wanted_revision()))


class ClassMergeItem(ClassResource):
    """The end of a class in another."""

    @operation(takes=ClassMerge, gives=ChangedClassList, errors=(404, 412), headers=REVISION)
    def post(self, merge: ClassMerge, class_id: str) -> Changed:
        """Make its annotations those of another class; the class goes."""
        classes = self.services.store.classes
        return self.changed(classes.merge(self.project, _id(class_id), merge.into, wanted_revision()))


def _id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise NotFound(f"there is no class '{text[:100]}'")
    return int(text)
