"""`/upload/data_point`: images with their labels."""

from __future__ import annotations

import io
from dataclasses import asdict
from typing import Any

from flask import request

from api.classic.schemas import DataPointQuery, NewDataPoint
from api.resource import PlatformResource
from datasets.images import read_info
from datasets.registry import LABEL_FORMATS


class DataPoints(PlatformResource):
    """One image of a project by name."""

    def reads(self) -> bool:
        """POST reads when it brings no image."""
        return request.method == "POST" and "image_data" not in self.given

    def put(self) -> dict[str, Any]:
        """Place an image; one of the same name is replaced."""
        new = self.parse(NewDataPoint)
        store = self.services.store
        project = self.project_named(new.project_name)
        info = read_info(new.image_data, self.services.settings.max_image_pixels)
        annotations = LABEL_FORMATS[project.type].parse(new.label_data, project)
        file = store.image_files.put(io.BytesIO(new.image_data), new.data_point_name)
        store.images.place(project.id, new.data_point_name, file, asdict(info), annotations)
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
