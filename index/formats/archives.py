"""Zip files, opened with a budget: how many members, how many bytes unpacked, how deep."""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass
from lzma import LZMAError

from ...errors import SourceError
from .limits import ParseLimits


@dataclass(slots=True)
class Budget:
    """What is left for one file and everything inside it."""

    unpacked_bytes: int
    members: int
    depth: int

    @classmethod
    def of(cls, limits: ParseLimits) -> Budget:
        return cls(limits.unpacked_bytes, limits.members, limits.depth)


def open_zip(data: bytes, name: str, budget: Budget) -> zipfile.ZipFile:
    """The archive. Raises SourceError when it is damaged or holds more than the budget allows."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, UnicodeDecodeError) as error:
        raise SourceError(
            f"{name} is not a sound zip file: it may be cut off.", subject=name, way_out="Fetch or make it again."
        ) from error
    infos = archive.infolist()
    budget.members -= len(infos)
    if budget.members < 0:
        raise SourceError(f"{name} holds too many members.", subject=name, way_out="Unpack it and add the folder.")
    declared = sum(info.file_size for info in infos)
    if declared > budget.unpacked_bytes:
        raise SourceError(
            f"{name} unpacks to {declared:,} bytes, more than is allowed ({budget.unpacked_bytes:,} left).",
            subject=name,
            way_out="Unpack it and add the files you want, or raise SPANWISE_MAX_UNPACKED_BYTES.",
        )
    return archive


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, budget: Budget) -> bytes:
    """The bytes of one member, never more than it declares. Raises SourceError."""
    if info.flag_bits & 0x1:
        raise SourceError(f"{name} is encrypted.", subject=name, way_out="Unpack it with its password first.")
    try:
        with archive.open(info) as member:
            data = member.read(budget.unpacked_bytes + 1)
    except (
        zipfile.BadZipFile,
        zlib.error,
        LZMAError,
        EOFError,
        OSError,
        NotImplementedError,
        RuntimeError,
        ValueError,
    ) as error:
        raise SourceError(
            f"{name} cannot be unpacked: it is damaged.", subject=name, way_out="Fetch or make the archive again."
        ) from error
    budget.unpacked_bytes -= len(data)
    if budget.unpacked_bytes < 0:
        raise SourceError(f"{name} unpacks to more than is allowed.", subject=name, way_out="Unpack it first.")
    return data
