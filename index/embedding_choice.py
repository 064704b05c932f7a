"""Which embedding model a collection has: the one it was built with, and for a new one what the settings say."""

from __future__ import annotations

from dataclasses import replace

from ..errors import ModelMismatchError
from ..settings import Settings
from .embedding import DEFAULT_MODEL, Embedder, Fingerprint, load_embedder

AUTO = "auto"


def configured(settings: Settings, stored: Fingerprint) -> Fingerprint:
    """What `settings` ask for in a collection that was built with `stored`; what they leave open stays."""
    return replace(
        stored,
        model=settings.model or stored.model,
        query_prompt=stored.query_prompt if settings.query_prompt == AUTO else settings.query_prompt,
        passage_prompt=stored.passage_prompt if settings.passage_prompt == AUTO else settings.passage_prompt,
    )


def configured_embedder(settings: Settings, stored: Fingerprint | None) -> Embedder:
    """The model that made `stored`; for a new collection the one that `settings` name. Raises ModelError."""
    if stored:
        return load_embedder(stored.model, settings.threads, stored.query_prompt, stored.passage_prompt)
    prompts = (None if one == AUTO else one for one in (settings.query_prompt, settings.passage_prompt))
    return load_embedder(settings.model or DEFAULT_MODEL, settings.threads, *prompts)


def named(fingerprint: Fingerprint) -> tuple[str, str, str]:
    """What is known of a model before it is loaded."""
    return fingerprint.model, fingerprint.query_prompt, fingerprint.passage_prompt


def mismatch(collection: str, stored: Fingerprint, given: Fingerprint) -> ModelMismatchError:
    """What to raise where `collection` was built with `stored` and is opened with `given`."""
    if stored.model != given.model:
        return ModelMismatchError(
            f"Collection {collection!r} was built with the embedding model {stored.model!r}, not {given.model!r}.",
            subject=given.model,
            way_out=f"Open it with model={stored.model!r} (SPANWISE_MODEL={stored.model}), or build another "
            "collection.",
        )
    for name in ("query_prompt", "passage_prompt"):
        ours, theirs = getattr(stored, name), getattr(given, name)
        if ours != theirs:
            return ModelMismatchError(
                f"Collection {collection!r} was built with the {name.replace('_', ' ')} {ours!r}, not {theirs!r}.",
                subject=theirs,
                way_out=f"Leave {name} (SPANWISE_{name.upper()}) out, or build another collection.",
            )
    changed = [name for name in ("dimension", "metric", "precision") if getattr(stored, name) != getattr(given, name)]
    what = f"another {changed[0]} of" if changed else "another version of"
    return ModelMismatchError(
        f"Collection {collection!r} was built with {what} the embedding model {stored.model!r}.",
        subject=given.model,
        way_out="Bring that version back, or build another collection.",
    )
