"""The dataset formats by name. A new one is one line here."""

from __future__ import annotations

from datasets.formats.coco import CocoFormat
from datasets.formats.csv import CsvFormat
from datasets.formats.folders import FoldersFormat
from datasets.formats.manifest import manifest_format
from datasets.formats.protocol import DatasetFormat, Source
from datasets.formats.voc import VocFormat
from datasets.formats.yolo import YoloFormat

# In the order in which a source is looked at: folders are what is left when there are no files of labels.
FORMATS: dict[str, DatasetFormat] = {
    format.name: format for format in (YoloFormat(), CocoFormat(), VocFormat(), CsvFormat(), FoldersFormat())
}


def recognise(source: Source) -> DatasetFormat | None:
    """The format of a source; None when it looks like none."""
    if named := FORMATS.get(manifest_format(source)):
        return named
    return next((format for format in FORMATS.values() if format.recognises(source)), None)
