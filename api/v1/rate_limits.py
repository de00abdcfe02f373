"""`RateLimit-Policy` and `RateLimit`: what a caller may ask for, and what is left of it.

The fields are those of draft-ietf-httpapi-ratelimit-headers, whose quota unit may be named.
"""

from __future__ import annotations

from inference.answers import Left
from settings import Settings

POLICY, LIMIT = "RateLimit-Policy", "RateLimit"
_AT_ONCE, _A_MINUTE = '"images-at-once"', '"images-a-minute"'


def rate_headers(settings: Settings, left: Left) -> dict[str, str]:
    """The headers of an answer."""
    policy = f'{_AT_ONCE};q={settings.inference_images_per_user};qu="images"'
    limit = f"{_AT_ONCE};r={left.at_once}"
    if left.a_minute is not None:
        policy += f', {_A_MINUTE};q={settings.inference_images_per_minute};qu="images";w=60'
        limit += f", {_A_MINUTE};r={left.a_minute};t={left.seconds}"
    return {POLICY: policy, LIMIT: limit}
