"""What the reading model made of a passage, corrected where it is known to be weak by the passage alone."""

from __future__ import annotations

from .commands import prefer_commands
from .contacts import prefer_contacts
from .differences import prefer_said
from .reading import Reading


def corrected_reading(question: str, text: str, reading: Reading, above: str = "") -> Reading:
    """`reading` of the passage `text`, which stands below the name, title and headings `above`: with the contact
    details that are asked for in front (`contacts`), no figure where a difference is asked for (`differences`), and in
    front the command or option that the words of the question introduce (`commands`)."""
    reading = prefer_said(question, text, prefer_contacts(question, text, reading))
    return prefer_commands(question, text, reading, above)
