"""A stand-in for the question-answering pipeline that transformers 5.3 removed: same call, same dictionaries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import LimitError, QuestionError
from ..index.loading import first_surrogate
from ..settings import Settings
from .calibration import beside_reader
from .handed_over import judge_handed_over, read_handed_over
from .reading import Reader, load_reader

_SPARE = 4
"""Answers read beyond those asked for, since merging makes fewer of them."""


class QuestionAnswerer:
    """Answers questions from contexts handed over with them; no collection, no search.

    answerer = QuestionAnswerer()
    answerer(question="When do the games end?", context="The games conclude Feb. 20.")
    # {'score': 0.93, 'start': 19, 'end': 26, 'answer': 'Feb. 20'}

    `score` is the calibrated probability that the answer is right, where the pipeline had a share of one softmax.
    `context[start:end] == answer`, in code points.
    """

    task = "question-answering"

    def __init__(
        self, model: str | None = None, *, reader: Reader | None = None, settings: Settings | None = None
    ) -> None:
        """`model` is a folder with a reading model (default: the shipped one); it loads on first use."""
        self._settings = settings or Settings.from_environment()
        self._folder = model or self._settings.reader
        self._given_reader = reader

    def __call__(
        self,
        *inputs: Any,
        question: str | Iterable[str] | None = None,
        context: str | Iterable[str] | None = None,
        top_k: int = 1,
        doc_stride: int | None = None,
        max_answer_len: int = 15,
        max_seq_len: int | None = None,
        max_question_len: int | None = None,
        handle_impossible_answer: bool = False,
        align_to_words: bool = True,
        topk: int | None = None,
        batch_size: int | None = None,
        num_workers: int | None = None,
        padding: str | bool | None = None,
    ) -> Any:
        """`{score, start, end, answer}` of the best answer, a list of them with `top_k` above 1; for several questions
        a list with one of these each, and as in the pipeline for a list of one no list. Several questions with one
        context, and the reverse, are paired up.

        Takes `question` and `context` by name or one after the other; a dictionary with both, or an object with
        `question_text` and `context_text` (a SquadExample); or an iterable of these.

        `max_answer_len` bounds the words of an answer. With `handle_impossible_answer` the empty answer
        `{score, 0, 0, ""}` competes, its score the probability that the context does not answer. `doc_stride`,
        `max_seq_len`, `max_question_len`, `align_to_words`, `batch_size`, `num_workers` and `padding` are accepted and
        change nothing: contexts of any length are read
        in overlapping windows as long as the model takes, and answers are whole words. Raises QuestionError,
        LimitError.
        """
        top_k = topk if topk is not None else top_k
        for name, value in (
            ("top_k", top_k), ("max_answer_len", max_answer_len), ("doc_stride", doc_stride),
            ("max_seq_len", max_seq_len), ("max_question_len", max_question_len),
        ):  # fmt: skip
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
                raise LimitError(f"{name} is {value!r}.", subject=value, way_out="Give a whole number of at least 1.")
        pairs, several = _pairs(inputs, question, context)
        found = [self._answers(*pair, top_k, max_answer_len, handle_impossible_answer) for pair in pairs]
        shown = [answers[0] if top_k == 1 else answers for answers in found]
        return shown if several else shown[0]

    def _answers(
        self, question: str, context: str, top_k: int, max_answer_len: int, impossible: bool
    ) -> list[dict[str, Any]]:
        reader = self._reader()
        _, ranking = read_handed_over(question, context, reader, top_n=top_k + _SPARE)
        short = [one for one in ranking if len(one.text.split()) <= max_answer_len]
        calibration = beside_reader(self._folder, reader.fingerprint)
        judged = judge_handed_over(question, short, reader.threshold, calibration)
        answers = [
            {"score": probability, "start": one.start, "end": one.end, "answer": one.text}
            for one, probability in zip(short, judged.right, strict=True)
        ]
        if impossible or not answers:
            answers.append({"score": judged.no_answer, "start": 0, "end": 0, "answer": ""})
            answers.sort(key=lambda answer: -float(str(answer["score"])))
        return answers[:top_k]

    def _reader(self) -> Reader:
        return self._given_reader or load_reader(self._folder, self._settings.threads)


def _pairs(inputs: tuple[Any, ...], question: Any, context: Any) -> tuple[list[tuple[str, str]], bool]:
    """(question, context) for each answer wanted, and whether the caller handed over several."""
    if inputs:
        if len(inputs) == 2 and all(isinstance(one, str) for one in inputs):
            return [_checked(*inputs)], False
        given = inputs[0] if len(inputs) == 1 else inputs
        examples = [given] if isinstance(given, Mapping | str) or not isinstance(given, Iterable) else list(given)
        pairs = [_checked(*_example(one)) for one in examples]
        return pairs, len(pairs) != 1
    if question is None or context is None:
        raise QuestionError("A question and a context are needed.", way_out="Give question= and context=.")
    questions, contexts = _list(question), _list(context)
    if len(questions) == 1 and len(contexts) > 1:
        questions = questions * len(contexts)
    if len(contexts) == 1 and len(questions) > 1:
        contexts = contexts * len(questions)
    if len(questions) != len(contexts):
        raise QuestionError(
            f"There are {len(questions)} questions and {len(contexts)} contexts.",
            subject=len(contexts),
            way_out="Give one context for each question, or one for all.",
        )
    return [_checked(*pair) for pair in zip(questions, contexts, strict=True)], len(questions) != 1


def _example(given: Any) -> tuple[Any, Any]:
    if isinstance(given, Mapping) and {"question", "context"} <= given.keys():
        return given["question"], given["context"]
    if hasattr(given, "question_text") and hasattr(given, "context_text"):
        return given.question_text, given.context_text
    raise QuestionError(
        "An example is not a dictionary with question and context.",
        subject=given,
        way_out='Give {"question": …, "context": …}, or question= and context=.',
    )


def _list(given: Any) -> list[Any]:
    return list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]


def _checked(question: object, context: object) -> tuple[str, str]:
    for name, text in (("question", question), ("context", context)):
        if not isinstance(text, str) or not text.strip():
            raise QuestionError(f"The {name} is empty or not a text.", subject=text, way_out="Give it as text.")
        if (wrong := first_surrogate(text)) >= 0:
            raise QuestionError(
                f"Character {wrong} of the {name} is half of a surrogate pair.", subject=text, way_out="Remove it."
            )
    return str(question), str(context)
