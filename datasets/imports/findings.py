"""What is told of an import: lines of its report, as many as a person may read."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from typing import Any

from datasets.archives.members import shown
from datasets.formats.protocol import Finding
from storage.files import Files, StoredFile
from storage.import_record import Import

MOST_FINDINGS = 5000
_MOST_REASON_CHARACTERS = 500


class Findings:
    """Findings in the order in which they came, the first `MOST_FINDINGS` of them."""

    def __init__(self, findings: Iterable[Finding] = (), count: int = 0):
        self.kept = list(findings)
        self.count = count or len(self.kept)

    def add(self, finding: Finding) -> None:
        """Note one more."""
        self.count += 1
        if len(self.kept) < MOST_FINDINGS:
            self.kept.append(finding)

    def copy(self) -> Findings:
        """The same ones, to go on from."""
        return Findings(self.kept, self.count)


def row_of(finding: Finding) -> dict[str, Any]:
    """A finding as it is kept."""
    reason = finding.reason[:_MOST_REASON_CHARACTERS]
    return {"file": shown(finding.path), "line": finding.line, "reason": reason}


def write_report(files: Files, record: Import, rows: list[dict[str, Any]], left_out: int) -> StoredFile | None:
    """Store a report as JSON; None when there is nothing to report."""
    if not rows:
        return None
    content = {"import": str(record.id), "filename": record.filename, "findings": rows, "left_out": left_out}
    return files.put(io.BytesIO(json.dumps(content, ensure_ascii=False).encode()), "import.json")
