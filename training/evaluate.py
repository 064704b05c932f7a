"""Reading figures on held-out questions: exact match and F1 as SQuAD's official script counts them."""

from __future__ import annotations

import json
import re
import string
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Encoding, Tokenizer

from .config import Config
from .epoch import CLS, SEP
from .model import Reader, from_model
from .prepared import load_tokenizer
from .sources import read_jsonl

Floats = npt.NDArray[np.float32]
LONGEST_ANSWER = 30  # tokens


def normalise_answer(text: str) -> str:
    """Lower case, no punctuation, no articles, single spaces (SQuAD evaluate-v2.0)."""
    text = "".join(letter for letter in text.lower() if letter not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def exact(gold: str, found: str) -> float:
    """1.0 if both are equal after normalising."""
    return float(normalise_answer(gold) == normalise_answer(found))


def f1(gold: str, found: str) -> float:
    """Token overlap F1 after normalising; if either is empty, 1.0 only when both are (SQuAD evaluate-v2.0)."""
    wanted, given = normalise_answer(gold).split(), normalise_answer(found).split()
    if not wanted or not given:
        return float(wanted == given)
    common = sum((Counter(wanted) & Counter(given)).values())
    if not common:
        return 0.0
    precision, recall = common / len(given), common / len(wanted)
    return 2 * precision * recall / (precision + recall)


def best_span(start: Floats, end: Floats, longest: int = LONGEST_ANSWER) -> tuple[int, int, float]:
    """Best (first, last) token by start + end logit with last - first < longest; ties go to the earliest."""
    scores = start[:, None] + end[None, :]
    allowed = np.triu(np.ones_like(scores, dtype=bool)) & ~np.triu(np.ones_like(scores, dtype=bool), longest)
    flat = int(np.where(allowed, scores, -np.inf).argmax())
    first, last = divmod(flat, end.shape[0])
    return first, last, float(scores[first, last])


def load_questions(path: Path) -> list[dict[str, object]]:
    """Held-out questions as `prepare` wrote them: question, context, answers (empty if unanswerable)."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def read_all(
    reader: Reader, tokenizer: Tokenizer, items: list[dict[str, object]], max_tokens: int, rows: int = 16
) -> list[tuple[str, float, float]]:
    """For each question the best span's text, its margin over the null score, and the relevance logit."""
    passages: list[Encoding] = tokenizer.encode_batch([str(i["context"]) for i in items], add_special_tokens=False)
    asked: list[Encoding] = tokenizer.encode_batch([str(i["question"]) for i in items], add_special_tokens=False)
    pairs = [
        [CLS, *q.ids, SEP, *p.ids[: max_tokens - len(q.ids) - 3], SEP] for q, p in zip(asked, passages, strict=True)
    ]
    device = reader.classifier.weight.device
    results: list[tuple[str, float, float]] = [("", 0.0, 0.0)] * len(items)
    order = np.argsort([len(pair) for pair in pairs], kind="stable")
    for begin in range(0, len(order), rows):
        group = [int(i) for i in order[begin : begin + rows]]
        length = max(len(pairs[i]) for i in group)
        arrays = np.zeros((3, len(group), length), dtype=np.int64)
        for k, i in enumerate(group):
            arrays[0, k, : len(pairs[i])] = pairs[i]
            arrays[1, k, : len(pairs[i])] = 1
            arrays[2, k, len(asked[i].ids) + 2 : len(pairs[i])] = 1
        with torch.inference_mode():
            outputs = reader(*(torch.from_numpy(array).to(device) for array in arrays))
        starts, ends, relevance = (value.float().cpu().numpy() for value in outputs)
        for k, i in enumerate(group):
            passage = slice(len(asked[i].ids) + 2, len(pairs[i]) - 1)
            first, last, score = best_span(starts[k, passage], ends[k, passage])
            offsets = passages[i].offsets
            text = str(items[i]["context"])[offsets[first][0] : offsets[last][1]]
            results[i] = (text, score - float(starts[k, 0] + ends[k, 0]), float(relevance[k]))
    return results


def figures(
    items: list[dict[str, object]], results: list[tuple[str, float, float]], threshold: float = 0.0
) -> dict[str, float]:
    """EM, F1, HasAns F1 and NoAns (percent) when a margin over `threshold` answers; HasAns F1 if always answering."""
    has, has_exact, forced, silent = [], [], [], []
    for item, (text, margin, _) in zip(items, results, strict=True):
        answers = [str(answer) for answer in item["answers"]]  # type: ignore[attr-defined]
        if not answers:
            silent.append(float(margin <= threshold))
            continue
        best = max(f1(gold, text) for gold in answers)
        forced.append(best)
        has.append(best if margin > threshold else 0.0)
        has_exact.append(max(exact(gold, text) for gold in answers) if margin > threshold else 0.0)
    mean = {"em": has_exact + silent, "f1": has + silent, "has_f1": has, "no_ans": silent, "forced_f1": forced}
    return {name: round(100 * float(np.mean(values)), 2) if values else 0.0 for name, values in mean.items()}


def best_threshold(items: list[dict[str, object]], results: list[tuple[str, float, float]]) -> float:
    """The margin that gives the best F1 over all questions, midway between two seen margins; ties go to the lowest."""
    order = sorted(range(len(items)), key=lambda i: results[i][1])
    gains = []
    for i in order:  # raising the threshold past question i silences it
        answers = [str(answer) for answer in items[i]["answers"]]  # type: ignore[attr-defined]
        gains.append(-max(f1(gold, results[i][0]) for gold in answers) if answers else 1.0)
    best = int(np.argmax(np.cumsum([0.0, *gains])))
    margins = [results[i][1] for i in order]
    below, above = margins[max(0, best - 1)], margins[min(best, len(margins) - 1)]
    return (below + above) / 2 if 0 < best < len(margins) else (above - 1.0 if best == 0 else below + 1.0)


def evaluate_files(
    config: Config, folder: Path, files: list[Path], titles: Path | None, count: int | None, threshold: float
) -> dict[str, object]:
    """Figures of a model folder on SQuAD-format files, at `threshold` and at the best one found on these questions."""
    torch.set_num_threads(config.train.threads)
    kept = set(titles.read_text(encoding="utf-8").split("\n")) if titles else None
    items: list[dict[str, object]] = []
    for number, file in enumerate(files):
        rows = [row for row in read_jsonl(file) if kept is None or row["title"] in kept]
        rows = [
            row for row in rows if row.get("start") != "guess" and row.get("link_margin", 1) >= config.data.link_margin
        ]
        chosen = np.random.default_rng([config.seed, 9, number]).permutation(len(rows))[:count]
        items += [rows[i] | {"answers": [a["text"] for a in rows[i]["answers"]]} for i in chosen]
    reader = from_model(folder).eval()
    results = read_all(reader, load_tokenizer(folder / "tokenizer.json"), items, config.augment.max_tokens)
    best = best_threshold(items, results)
    return {
        "questions": len(items),
        "threshold": threshold,
        **figures(items, results, threshold),
        "best_threshold": round(best, 3),
        "at_best_threshold": figures(items, results, best),
    }
