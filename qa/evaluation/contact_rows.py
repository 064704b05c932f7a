"""Questions for e-mail addresses, web addresses and telephone numbers, made from articles.

Collections of questions hold next to none of these, so the calibration would know nothing of them. An article gets a
paragraph with invented contact details of the kind that stands below real ones; half of the questions ask for what is
there, half for a kind that is not, or for details of somebody else.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

from .datasets import Gold, Row, contexts

_PARAGRAPHS = 5
"""Contexts in a document."""
_LAYOUTS = (
    "For questions about {name}, write to {email} or call {telephone}. More is on {web}.",
    "CONTACT\n\n{email}\n{web}\n{telephone}",
    "{name} Office\nPhone: {telephone}\nE-mail: {email}\nWebsite: {web}",
    "Tickets and visits: {web}. The {name} society can be reached at {email}; its number is {telephone}.",
    "About the author\n\nThe author has long written on {name}. Follow the work at {web}, or get in touch: {email}.",
    "Register now!\n{telephone}\n{web}\n{email}",
)
_QUESTIONS = {
    "email": (
        "What is the email address?",
        "Which e-mail address is given for {name}?",
        "How can I reach the {name} office by email?",
        "email of the {name} office",
        "Where can I send an e-mail?",
    ),
    "web": (
        "What is the website?",
        "What is the web address of the {name} society?",
        "Which website has more about {name}?",
        "{name} website",
        "On which web page can I register?",
    ),
    "telephone": (
        "What is the phone number?",
        "Which telephone number does the {name} office have?",
        "What phone number can I call with questions about {name}?",
        "{name} phone number",
        "Is there a telephone number to call?",
    ),
}


def contact_rows(rows: Sequence[Row], seed: int = 0) -> Iterator[list[Row]]:
    """For each title of `rows` four questions about one document, two of them answered by it.

    Raises nothing; a title of few contexts gives a short document.
    """
    draw = random.Random(seed)
    titles = list(dict.fromkeys(row.title for row in rows))
    for place, title in enumerate(titles):
        name = _name(title)
        other = _name(titles[(place + 1) % len(titles)])
        details = _details(name, draw)
        layout = _LAYOUTS[place % len(_LAYOUTS)]
        paragraphs = [one.text for one in contexts([row for row in rows if row.title == title])]
        first = draw.randrange(max(len(paragraphs) - _PARAGRAPHS, 0) + 1)
        chosen = paragraphs[first : first + _PARAGRAPHS]
        given = [kind for kind in _QUESTIONS if f"{{{kind}}}" in layout]
        missing = draw.choice(given)
        kept = [kind for kind in given if kind != missing] if place % 2 else given
        said = {kind: details[kind] if kind in kept else "" for kind in details}  # the rest is not said, whoever asks
        lines = layout.format(name=name, **said)
        chosen.insert(draw.randrange(1, len(chosen) + 1), lines)
        text = "\n\n".join(chosen)
        made: list[Row] = []
        for kind in draw.sample(kept, 2) if len(kept) > 1 else kept * 2:
            question = draw.choice(_QUESTIONS[kind]).format(name=name)
            made.append(_row(title, text, question, len(made), details[kind]))
        absent = [kind for kind in _QUESTIONS if kind not in kept]
        for _ in range(2):
            kind = draw.choice(absent or list(_QUESTIONS))
            asked = [one for one in _QUESTIONS[kind] if absent or "{name}" in one]
            question = draw.choice(asked).format(name=name if absent else other)
            made.append(_row(title, text, question, len(made), None))
        yield made


def _row(title: str, text: str, question: str, number: int, answer: str | None) -> Row:
    answers = () if answer is None else (Gold(answer, text.index(answer)),)
    return Row(f"contact-{title}-{number}", title, text, question, answers)


def _details(name: str, draw: random.Random) -> dict[str, str]:
    slug = re.sub(r"[^a-z0-9]+", "", name.lower())[:16] or "office"
    host = f"{slug}{draw.choice(('', '-info', 'online'))}.{draw.choice(('org', 'com', 'net', 'eu', 'co.uk'))}"
    digits = "".join(str(draw.randrange(10)) for _ in range(7))
    telephone = draw.choice(("({area}) {a}-{b}", "+{area} {a} {b}", "(+{area}) {a}{b}", "{area}-{a}-{b}"))
    return {
        "email": f"{draw.choice(('info', 'team', 'press', 'office', 'j.miller', 'hello'))}@{host}",
        "web": draw.choice(("www.{host}", "{host}", "https://{host}/contact", "events.{host}")).format(host=host),
        "telephone": telephone.format(area=draw.randrange(201, 989), a=digits[:3], b=digits[3:]),
    }


def _name(title: str) -> str:
    return re.sub(r"\s*\(.*?\)", "", title.replace("_", " ")).strip()
