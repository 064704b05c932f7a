"""Names of members inside a file, which may say anything."""

from __future__ import annotations

from pathlib import PurePosixPath

from ...errors import SourceError


def posix(name: str) -> PurePosixPath:
    """`name` as a relative path with forward slashes."""
    return PurePosixPath(name)


def member_name(container: str, member: str) -> str:
    """The name of a member behind that of its container.

    Raises SourceError for an absolute path and one that climbs out: nothing is unpacked to disk, but such an archive
    was made to deceive.
    """
    plain = member.replace("\\", "/")
    parts = plain.split("/")
    if plain.startswith("/") or ".." in parts or (parts and parts[0].endswith(":")) or "\0" in plain:
        raise SourceError(
            f"{container} holds a member with an unsafe path, {member[:80]!r}.", subject=member, way_out="Leave it out."
        )
    return f"{container}/{'/'.join(part for part in parts if part not in ('', '.'))}"


def is_hidden(member: str) -> bool:
    """Whether a member is one that file managers do not show."""
    return any(part.startswith(".") or part == "__MACOSX" for part in member.replace("\\", "/").split("/"))
