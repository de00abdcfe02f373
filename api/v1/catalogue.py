"""`/api/v1/catalogue`: what everybody has published."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from flask import Response

from api.operation import Content, Page, operation
from api.pagination import page, position
from api.resource import PlatformResource
from api.v1.catalogue_schemas import CatalogueCard, CatalogueEntry, CatalogueQuery
from api.v1.representation import card_url
from inference.examples import Example, example_of
from storage.catalogue import Entry
from storage.order import Order
from utils import NotFound

_SIDE_PX = 320


class Catalogue(PlatformResource):
    """Published projects."""

    @operation(takes=CatalogueQuery, gives=Page[CatalogueEntry])
    def get(self, query: CatalogueQuery) -> dict[str, Any]:
        """Look for some."""
        store, order = self.services.store, Order.named(query.sort.value)
        owner = store.users.find(query.owner) if query.owner else None
        if query.owner and owner is None:
            return {"items": [], "next": None}
        entries = store.catalogue.search(
            query.limit + 1,
            order,
            position(query.cursor, order),
            words=query.q,
            type=query.type,
            class_name=query.class_,
            owner_id=owner.id if owner else None,
        )
        return page(entries, query.limit, show=_shown, place=lambda entry: entry.place(order), order=order)


class CatalogueItem(PlatformResource):
    """One published project."""

    @operation(gives=CatalogueCard, errors=(404,))
    def get(self, project: str) -> dict[str, Any]:
        """What its model is worth, and an example of what it does."""
        store = self.services.store
        entry = store.catalogue.get(project)
        model = store.models.get(entry.project.served_model_id)
        example = example_of(store, self.services.engine, entry)
        return {
            **_shown(entry),
            "metrics": model.card.get("metrics") or {},
            "metrics_on": model.card.get("metrics_on"),
            "architecture": model.card.get("architecture"),
            "model_created_at": model.created_at.isoformat(),
            "model_url": f"/api/v1/models/{model.id}",
            "card_url": card_url(model),
            "example": _example(entry, example) if example else None,
        }


class CatalogueThumbnail(PlatformResource):
    """The example image of a published project."""

    @operation(gives=Content("image/jpeg"), errors=(404,), headers={"ETag": "SHA-256 of the image"})
    def get(self, project: str) -> Response:
        """A small picture of it, EXIF-turned."""
        store = self.services.store
        found = store.catalogue.get(project).project
        example_id = found.publication.example_id
        image = store.images.of_id(found.id, example_id) if example_id else None
        if image is None:
            raise NotFound(f"the published project '{found.name}' shows no example")
        picture = self.services.thumbnails.of(image, _SIDE_PX)
        return Response(picture, mimetype="image/jpeg", headers={"ETag": f'"{image.sha256}"'})


def _shown(entry: Entry) -> dict[str, Any]:
    project, name = entry.project, quote(entry.project.name, safe="")
    return {
        "id": str(project.id),
        "project": project.name,
        "type": project.type,
        "owner": entry.owner,
        "description": project.publication.description or project.description,
        "licence": project.publication.licence,
        "classes": list(project.classes),
        "model": {"id": str(project.model_id), "version": project.model_version},
        "published_at": entry.published_at.isoformat(),
        "calls": entry.calls,
        "url": f"/api/v1/catalogue/{name}",
        "predict_url": f"/api/v1/published/{name}/predict",
    }


def _example(entry: Entry, example: Example) -> dict[str, Any]:
    return {
        "width": example.image.width,
        "height": example.image.height,
        "thumbnail_url": f"/api/v1/catalogue/{quote(entry.project.name, safe='')}/example",
        "predictions": [_prediction(one) for one in example.predictions] if example.predictions is not None else None,
    }


def _prediction(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "box": dict(zip(("x1", "y1", "x2", "y2"), one["box"], strict=True))}
