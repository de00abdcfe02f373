"""`/upload/class_info`: the class list of a project."""

from __future__ import annotations

from typing import Any

from flask import request

from api.classic.schemas import NewClasses, ProjectQuery
from api.resource import PlatformResource
from datasets.registry import IMAGES


class ClassInfo(PlatformResource):
    """The class list, whole."""

    KIND = IMAGES

    def reads(self) -> bool:
        """POST reads when it brings no list."""
        return request.method == "POST" and "class_info" not in self.given

    def put(self) -> dict[str, Any]:
        """Replace the list; annotations stay with their class by name."""
        new = self.parse(NewClasses)
        projects = self.services.store.projects
        projects.set_classes(self.project_named(new.project_name), new.class_info)
        return {"Status": "Classes Added."}

    def post(self) -> dict[str, Any]:
        """Replace the list when one is sent, else read it."""
        if "class_info" in self.given:
            return self.put()
        project = self.project_named(self.parse(ProjectQuery).project_name)
        return {"class_list": list(project.classes)}

    def patch(self) -> dict[str, Any]:
        """Empty the list; annotations wait for their class to come back."""
        projects = self.services.store.projects
        projects.set_classes(self.project_named(self.parse(ProjectQuery).project_name), ())
        return {"Status": "Successful deletion"}
