"""The document that a job was started with, as the job keeps it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SentExperiment:
    """A document as it was sent.

    Attributes:
        name: of the experiment; its jobs in a project are its history.
        sha256: of the text.
        is_json: it is JSON, otherwise YAML.
        source: what its sender knows the data by, such as a hash of the files that it has imported; empty when it said
            nothing.
        text: empty where a job was read without its bulk.
    """

    name: str
    sha256: str
    is_json: bool
    source: str = ""
    text: str = ""
