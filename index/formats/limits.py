"""What one file may cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """Bounds on one file and on the process that parses it."""

    file_bytes: int = 256 * 1024 * 1024
    """Size of the file itself."""
    unpacked_bytes: int = 512 * 1024 * 1024
    """All members of an archive (or DOCX, EPUB) unpacked, nested archives included."""
    members: int = 10_000
    """Members of an archive, nested ones included; a file of records may hold ten times as many."""
    depth: int = 3
    """Archives in archives."""
    seconds: float = 120.0
    memory_bytes: int = 2 * 1024 * 1024 * 1024
    """Address space of the worker process, where the system can limit it."""
    characters: int = 20_000_000
    """Text that one file may become, in code points."""
