"""What the reading model made of a passage, corrected where it is known to be weak by the passage alone."""

from __future__ import annotations

from .contacts import prefer_contacts
from .differences import prefer_said
from .reading import Reading


def corrected_reading(question: str, text: str, reading: Reading) -> Reading:
    """`reading` of the passage `text`, with the contact details that are asked for in front (`contacts`), and no figure
    where a difference is asked for (`differences`)."""
    return prefer_said(question, text, prefer_contacts(question, text, reading))
