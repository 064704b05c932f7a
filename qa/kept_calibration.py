"""The calibration of one collection: its own where one was fitted to labels, else the one that lies with the reader."""

from __future__ import annotations

from pathlib import Path

from . import calibration as calibrations
from .calibration import Calibration

Stamp = tuple[int, int]
"""Of the collection's calibration file: when it was changed, and its inode; zeros while there is none."""


class KeptCalibration:
    """What another process stores is seen at the next look."""

    def __init__(self, folder: Path, reader: str) -> None:
        """`folder` is the collection's, `reader` the setting of that name."""
        self._file = folder / calibrations.FILE
        self._reader = reader
        self._read: tuple[Stamp, Calibration | None] | None = None

    def stamp(self) -> Stamp:
        """What changes when another calibration is stored: its file is put in the place of the one before."""
        try:
            found = self._file.stat()
        except OSError:
            return 0, 0
        return found.st_mtime_ns, found.st_ino

    def of(self, fingerprint: str) -> Calibration | None:
        """What was fitted for the reader with that fingerprint; None where nothing was.

        Raises ModelError when a file is damaged.
        """
        stamp = self.stamp()
        if self._read is None or self._read[0] != stamp:
            own = calibrations.fitting(fingerprint, self._file)
            self._read = stamp, own or calibrations.beside_reader(self._reader, fingerprint)
        return self._read[1]

    def store(self, calibration: Calibration) -> None:
        """Use `calibration` from now on. Raises StorageError."""
        calibrations.save(calibration, self._file)
