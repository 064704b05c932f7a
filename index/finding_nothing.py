"""Why a search found nothing, in a sentence for whoever asked: a filter that misses the names there are, most often."""

from __future__ import annotations

from difflib import get_close_matches
from itertools import islice

from .filters import Where, fields
from .store import View

NO_DOCUMENTS = "The collection holds no documents."
NOTHING_ALLOWED = "Nothing that is stored meets the filter"
NAMES_SHOWN = 20
"""Names that the sentence lists, those most like the unknown ones first."""
_NAMES_READ = 1_000
"""Of a collection with more, the first of them in the order of their code points: each costs a look-up."""
_LONGEST_NAME = 60


def why_nothing(view: View, where: Where | None) -> str | None:
    """What to say of a search under `where` that found nothing; None where it was not for want of passages."""
    if not view.documents(None, 1):
        return NO_DOCUMENTS
    if where is None or view.allows(where):
        return None
    asked = fields(where)
    unknown = [name for name in asked if not view.has_metadata(name)]
    if not unknown:
        return f"{NOTHING_ALLOWED}."
    names = view.metadata_names(_NAMES_READ)
    said = " or ".join(_shown(name) for name in unknown[:NAMES_SHOWN])
    if not names:
        return f"{NOTHING_ALLOWED}: no document has metadata, so none named {said}."
    near = [match for name in unknown[:NAMES_SHOWN] for match in get_close_matches(name, names)]
    listed = list(islice(dict.fromkeys([*near, *names]), NAMES_SHOWN))
    there = ", ".join(map(_shown, listed)) + (", and more" if len(names) > NAMES_SHOWN else "")
    return f"{NOTHING_ALLOWED}: no document has metadata named {said}. There is {there}."


def _shown(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"
