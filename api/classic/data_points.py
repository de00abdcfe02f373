"""`/upload/data_point`: images with their labels."""

from __future__ import annotations

from typing import Any

from flask import request

from api.classic.schemas import DataPointQuery, NewDataPoint
from api.resource import PlatformResource
from datasets.placing import Offered, place
from datasets.registry import IMAGES, LABEL_FORMATS


class DataPoints(PlatformResource):
    """One image of a project by name."""

    KIND = IMAGES

    def reads(self) -> bool:
        """POST reads when it brings no image."""
        return request.method == "POST" and "image_data" not in self.given

    def changes(self) -> bool:
        """Never: neither who may do what, nor what a project answers with."""
        return False

    def put(self) -> dict[str, Any]:
        """Place an image; one of the same name is replaced."""
        new = self.parse(NewDataPoint)
        project = self.project_named(new.project_name)
        offered = Offered(new.data_point_name, new.image_data, new.label_data)
        place(self.services.store, project, offered, self.services.settings.max_image_pixels)
        return {"Status": "Successful data point upload."}

    def post(self) -> dict[str, Any]:
        """Place an image when one is sent, else read the labels of the one that is there."""
        if "image_data" in self.given:
            return self.put()
        query = self.parse(DataPointQuery)
        store = self.services.store
        project = self.project_named(query.project_name)
        image = store.images.get(project.id, query.data_point_name)
        project = store.projects.refresh(project)  # the image may be newer, and name a class that was just added
        return {
            "_id": str(image.id),
            "pid": str(project.id),
            "name": image.name,
            "labels": LABEL_FORMATS[project.type].write(project.annotations_now(image.annotations), project),
            "width": image.width,
            "height": image.height,
            "format": image.format,
            "size": image.size,
            "sha256": image.sha256,
        }

    def patch(self) -> dict[str, Any]:
        """Delete an image."""
        query = self.parse(DataPointQuery)
        project = self.project_named(query.project_name)
        self.services.store.images.delete(project.id, query.data_point_name)
        return {"Status": "Successful deletion"}
