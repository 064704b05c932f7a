"""From marks to labels: what `spanwise calibrate` reads, made of what people clicked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..index.marks import Mark
from .calibrating import Label


def labels_of(marks: Sequence[Mark]) -> list[Label]:
    """A label for each question that was marked, in the order of the first mark on it.

    `absent` takes back what was marked right before it, and the reverse. Marks on whole documents make no label.
    """
    right: dict[str, list[str]] = {}
    wrong: dict[str, list[str]] = {}
    absent: dict[str, bool] = {}
    for mark in marks:
        if mark.verdict == "absent":
            right[mark.question] = []
            absent[mark.question] = True
        elif mark.text is not None:
            absent.setdefault(mark.question, False)
            if mark.verdict == "right":
                absent[mark.question] = False
            (right if mark.verdict == "right" else wrong).setdefault(mark.question, []).append(mark.text)
    return [
        Label(question, _distinct(right, question), () if silent else _distinct(wrong, question))
        for question, silent in absent.items()
    ]


def label_json(label: Label) -> dict[str, Any]:
    """A line of the file that `spanwise calibrate` reads."""
    said: dict[str, Any] = {"question": label.question, "answers": list(label.answers)}
    return {**said, "wrong": list(label.wrong)} if label.wrong else said


def _distinct(texts: dict[str, list[str]], question: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts.get(question, ())))
