"""Licences that a publication may name by their SPDX identifier; anything longer than one word is a text of its own."""

from __future__ import annotations

import difflib
import re

# Of models, data and code as people publish them (https://spdx.org/licenses/), and ways to say that there is none.
SPDX = (
    "0BSD", "AFL-3.0", "AGPL-3.0-only", "AGPL-3.0-or-later", "Apache-2.0", "Artistic-2.0", "BSD-2-Clause",
    "BSD-3-Clause", "BSL-1.0", "CC-BY-4.0", "CC-BY-NC-4.0", "CC-BY-NC-ND-4.0", "CC-BY-NC-SA-4.0", "CC-BY-ND-4.0",
    "CC-BY-SA-4.0", "CC0-1.0", "CDLA-Permissive-2.0", "CDLA-Sharing-1.0", "ECL-2.0", "EPL-2.0", "EUPL-1.2",
    "GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later", "ISC", "LGPL-2.1-only",
    "LGPL-2.1-or-later", "LGPL-3.0-only", "LGPL-3.0-or-later", "MIT", "MIT-0", "MPL-2.0", "MS-PL", "NONE", "ODbL-1.0",
    "ODC-By-1.0", "OSL-3.0", "PDDL-1.0", "Unlicense", "WTFPL", "Zlib",
)  # fmt: skip
_BY_WORD = {identifier.lower(): identifier for identifier in SPDX}
_WORD = re.compile(r"[A-Za-z0-9.+-]+", re.ASCII)


def licence(text: str) -> str:
    """A licence as it is stored: an identifier in its own spelling, or a text as it is.

    Raises:
        ValueError: one word that is no identifier we know; says which is like it.
    """
    if not text or not _WORD.fullmatch(text):
        return text
    if text.lower() in _BY_WORD:
        return _BY_WORD[text.lower()]
    near = [_BY_WORD[word] for word in difflib.get_close_matches(text.lower(), _BY_WORD, n=3)]
    like = f" (did you mean {' or '.join(near)}?)" if near else ""
    raise ValueError(
        f"'{text[:50]}' is none of the SPDX identifiers that are known here{like}: send one of {', '.join(SPDX)}, "
        "or the terms in a sentence of your own"
    )


def is_spdx(text: str) -> bool:
    """Whether a licence is named by its identifier."""
    return text in SPDX
