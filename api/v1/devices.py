"""`/api/v1/devices`: what there is to train on."""

from __future__ import annotations

from typing import Any

from api.operation import Page, operation
from api.pagination import whole
from api.resource import PlatformResource
from api.v1.job_answers import DeviceShown
from api.v1.representation import devices


class DeviceList(PlatformResource):
    """Devices of the workers that are there now."""

    @operation(gives=Page[DeviceShown])
    def get(self) -> dict[str, Any]:
        """Each kind with how many there are and how many are free."""
        return whole(devices(self.services.store.workers.live()))
