"""`/api/v1/projects/<project>/duplicates`: images that show the same picture."""

from __future__ import annotations

from typing import Any

from api.operation import operation
from api.pagination import whole
from api.v1.located import ProjectResource
from api.v1.quality_answers import DuplicatesQuery, DuplicatesShown
from datasets.capture import capture
from datasets.duplicates import Cluster, clusters
from datasets.looks import MOST_IMAGES, read_stored, with_looks
from datasets.registry import IMAGES
from utils import Conflict

_MOST_CLUSTERS = 1000
_MOST_IN_CLUSTER = 100
_MOST_LOOKED_AT = 300


class DuplicateList(ProjectResource):
    """Clusters of images."""

    KIND = IMAGES

    @operation(takes=DuplicatesQuery, gives=DuplicatesShown, errors=(404, 409))
    def get(self, query: DuplicatesQuery) -> dict[str, Any]:
        """List them, the largest first: equal files, and pictures that were saved anew, resized or trimmed."""
        store = self.services.store
        snapshot = capture(store, self.project)
        if len(snapshot.images) > MOST_IMAGES:
            raise Conflict(
                f"the project has {len(snapshot.images):,} images: duplicates are looked for among at most "
                f"{MOST_IMAGES:,}, split the project"
            )
        snapshot = with_looks(store, snapshot, read_stored(store), _MOST_LOOKED_AT)
        found, complete = clusters(snapshot.images, query.distance)
        return {
            **whole([_shown(cluster) for cluster in found[:_MOST_CLUSTERS]]),
            "distance": query.distance,
            "clusters": len(found),
            "unseen": sum(image.look is None for image in snapshot.images),
            "complete": complete,
        }


def _shown(cluster: Cluster) -> dict[str, Any]:
    images = [
        {"id": image.image_id, "name": image.name, "split": image.split or None, "distance": distance}
        for image, distance in zip(cluster.images, cluster.distances, strict=True)
    ]
    return {"images": images[:_MOST_IN_CLUSTER], "count": len(images), "exact": cluster.exact}
