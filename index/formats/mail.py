"""E-mail (.eml) with the standard library: the headers people read, the body, and attachments as their own sources."""

from __future__ import annotations

import email.policy
from email.errors import MessageError
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.utils import parsedate_to_datetime

from ...errors import SourceError
from ..loading import decoded, id_of_path
from ..records import MetadataValue, Source
from .building import TextBuilder, one_line, visible
from .names import posix

MEDIA_TYPE = "message/rfc822"
_MOST_PARTS = 200


def mail_source(data: bytes, name: str) -> tuple[Source, list[tuple[str, bytes]]]:
    """The Source of a message, and its attachments as (file name, bytes). Raises SourceError."""
    try:
        message = BytesParser(policy=email.policy.default).parsebytes(data)
        assert isinstance(message, EmailMessage)
        parts = list(message.walk())
        if len(parts) > _MOST_PARTS:
            raise SourceError(f"{name} has more than {_MOST_PARTS} parts.", subject=name, way_out="Leave it out.")
        headers = {
            field: one_line(str(message[field])) for field in ("Subject", "From", "To", "Cc", "Date") if message[field]
        }
        builder = TextBuilder()
        builder.add("\n".join(f"{field}: {value}" for field, value in headers.items()), element="headers")
        body = message.get_body(("plain", "html"))
        if isinstance(body, EmailMessage):
            _body(body, builder, name)
        attached = [found for part in message.iter_attachments() if (found := _attachment(part))]
    except (MessageError, ValueError, LookupError, AttributeError, TypeError, RecursionError, AssertionError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"{name} is not a sound e-mail.", subject=name, way_out="Export it again.") from error
    if not headers and not len(builder):
        raise SourceError(f"{name} is not an e-mail: it has no headers.", subject=name, way_out="Check the file.")
    source = builder.source(
        id_of_path(posix(name)), name, MEDIA_TYPE, title=headers.get("Subject"), metadata=_metadata(headers)
    )
    return source, attached


def _attachment(part: Message) -> tuple[str, bytes] | None:
    """Name and bytes of an attachment; None of one that is neither a file nor a message."""
    title = one_line(part.get_filename() or "")
    if part.get_content_type() == MEDIA_TYPE:  # a message that was forwarded whole
        payload = part.get_payload()
        held = payload[0] if isinstance(payload, list) and payload else None
        if not isinstance(held, Message):
            return None
        title = title or one_line(str(held["Subject"] or "message"))
        return (title if title.lower().endswith(".eml") else f"{title[:100]}.eml"), held.as_bytes()
    if part.is_multipart():
        return None
    return title or "attachment", bytes(part.get_payload(decode=True) or b"")


def _body(body: EmailMessage, builder: TextBuilder, name: str) -> None:
    if body.get_content_subtype() == "html":
        from .html_lxml import html_text, parse_page, walk

        raw = body.get_payload(decode=True)
        charset = body.get_content_charset()
        markup, _ = html_text(raw if isinstance(raw, bytes) else b"", name, charset)
        walk(parse_page(markup, name).root, builder, keep_all=True, part="body")
        return
    try:
        said = str(body.get_content())
    except LookupError:  # a charset that there is not: the bytes show what it is
        raw = body.get_payload(decode=True)
        said = decoded(raw if isinstance(raw, bytes) else b"", name)[0]
    text = visible(said).replace("\r\n", "\n")
    for number, paragraph in enumerate(text.split("\n\n"), 1):
        builder.add(paragraph.strip("\n"), element="body", paragraph=number)


def _metadata(headers: dict[str, str]) -> dict[str, MetadataValue]:
    found: dict[str, MetadataValue] = {}
    for name, field in (("author", "From"), ("to", "To"), ("cc", "Cc")):
        if field in headers:
            found[name] = headers[field][:500]
    if "Date" in headers:
        try:
            found["created"] = parsedate_to_datetime(headers["Date"]).isoformat()
        except (ValueError, TypeError, IndexError, OverflowError):
            found["created"] = headers["Date"][:100]
    return found
