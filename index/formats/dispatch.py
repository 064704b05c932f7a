"""From a format to its parser, and into archives and attachments. Runs in the worker process."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ...errors import InputError, MissingExtraError, SourceError
from ..loading import TEXT_TYPES, check_id, text_source
from ..records import Failure, Source
from .archives import Budget, open_zip, read_member
from .kinds import CSV, HTML, JSON, JSONL, MAIL, PDF, TSV, kind_of
from .limits import ParseLimits
from .names import is_hidden, member_name


@dataclass(slots=True)
class Dispatch:
    """Parses one file; the budget is shared by everything inside it."""

    limits: ParseLimits
    encoding: str | None = None
    keep_all: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)
    failed: list[Failure] = field(default_factory=list)
    budget: Budget = field(init=False)

    def __post_init__(self) -> None:
        self.budget = Budget.of(self.limits)

    def sources(self, kind: str, data: bytes, name: str) -> list[Source]:
        """The sources of one file; members of archives that cannot be read are added to `failed`.

        Raises SourceError, MissingExtraError.
        """
        try:
            found = self._sources(kind, data, name)
        except ModuleNotFoundError as error:
            raise missing_extra(name, error) from error
        except RecursionError as error:
            raise SourceError(f"{name} is nested too deeply.", subject=name, way_out="Leave it out.") from error
        twice = [one for one, times in Counter(source.id for source in found).items() if times > 1]
        if twice:
            raise SourceError(
                f"{name} holds the id {twice[0]!r} twice.", subject=twice[0], way_out="Give each record its own id."
            )
        for source in found:
            if not source.text or source.text.isspace():
                raise SourceError(f"{name} holds no text.", subject=name, way_out="Leave it out.")
            if len(source.text) > self.limits.characters:
                raise SourceError(
                    f"{name} has {len(source.text):,} characters; the limit is {self.limits.characters:,}.",
                    subject=name,
                    way_out="Split it into several documents, or raise SPANWISE_MAX_DOCUMENT_CHARACTERS.",
                )
        return found

    def _sources(self, kind: str, data: bytes, name: str) -> list[Source]:
        if kind in TEXT_TYPES:
            return [text_source(data, name, kind, self.encoding)]
        if kind == HTML:
            from .html_lxml import html_source

            return [html_source(data, name, self.encoding, self.keep_all)]
        if kind == PDF:
            from .pdf_pdfium import pdf_source

            return [pdf_source(data, name)]
        if kind == MAIL:
            from .mail import mail_source

            source, attached = mail_source(data, name)
            return [source, *self._members(name, attached)]
        if kind in (CSV, TSV, JSON, JSONL):
            from .tables import table_sources

            most = self.limits.members * 10
            return table_sources(kind, data, name, self.encoding, self.columns, most)
        return self._zipped(data, name)

    def _zipped(self, data: bytes, name: str) -> list[Source]:
        archive = open_zip(data, name, self.budget)
        names = set(archive.namelist())
        if "word/document.xml" in names:
            from .word_docx import docx_source

            self.budget.unpacked_bytes -= sum(info.file_size for info in archive.infolist())
            return [docx_source(data, name)]
        if "META-INF/container.xml" in names:
            from .epub import epub_source

            return [epub_source(archive, name, self.budget)]
        for member, what in (("xl/workbook.xml", "an Excel"), ("ppt/presentation.xml", "a PowerPoint")):
            if member in names:
                raise SourceError(
                    f"{name} is {what} file, which is not read.", subject=name, way_out="Export it as PDF or CSV."
                )
        if "mimetype" in names and read_member(archive, archive.getinfo("mimetype"), name, self.budget).startswith(
            b"application/vnd.oasis"
        ):
            raise SourceError(
                f"{name} is an OpenDocument file, which is not read.", subject=name, way_out="Save as DOCX."
            )
        sources = self._unpacked(archive, name)
        if not sources:
            raise SourceError(f"{name} holds no file that can be read.", subject=name, way_out=self._first_failure())
        return sources

    def _unpacked(self, archive: zipfile.ZipFile, name: str) -> list[Source]:
        self.budget.depth -= 1
        if self.budget.depth < 0:
            raise SourceError(f"{name} is an archive too deep in archives.", subject=name, way_out="Unpack it first.")
        found: list[Source] = []
        for info in archive.infolist():
            if info.is_dir():
                continue
            try:
                member = member_name(name, info.filename)
                if is_hidden(info.filename):
                    continue
                found.extend(self._member(member, read_member(archive, info, member, self.budget)))
            except InputError as error:
                self.failed.append(Failure(f"{name}/{info.filename}"[:500], str(error)))
                if self.budget.unpacked_bytes < 0:
                    break
        self.budget.depth += 1
        return found

    def _members(self, name: str, members: list[tuple[str, bytes]]) -> list[Source]:
        """Attachments that are documents; others (pictures, signatures) are passed over in silence."""
        found: list[Source] = []
        for number, (title, data) in enumerate(members, 1):
            try:
                member = member_name(name, f"{number}-{title.replace('/', '_')}")
                found.extend(self._member(member, data))
            except InputError as error:
                self.failed.append(Failure(f"{name}/{title}"[:500], str(error)))
        return found

    def _member(self, member: str, data: bytes) -> list[Source]:
        found = self.sources(kind_of(data, member, named=False), data, member)
        for source in found:
            check_id(str(source.id))  # a name too long for an id costs this member, not the archive
        return found

    def _first_failure(self) -> str:
        return self.failed[0].error if self.failed else "Check the archive."


def missing_extra(name: str, error: ModuleNotFoundError) -> MissingExtraError:
    """A missing library as what to type."""
    return MissingExtraError(
        f"Reading {name} needs {error.name}, which is not installed.",
        subject=name,
        way_out='Install it with: pip install "spanwise[documents]"',
    )
