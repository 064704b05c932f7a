"""Answers in tables are one cell, and in blocks of code whole commands."""

from __future__ import annotations

import pytest

from spanwise.qa.spans import complete

MARKDOWN = """Allowances are as follows.

| Country | Meals per day | Hotel limit per night |
|---|---:|---:|
| Germany | 28 € | **130 €** |
| Norway | 75 € | 182 € |

Ask for more."""
PLAIN = "Who | Room | Extension\nPriya Raman | B-201 | 4410\nAnneliese Vogt | C-003 | 4471"
RECORDS = "sku: KB-100 | product: Keyboard Tern | price_eur: 89.90\nsku: MS-200 | product: Mouse Auk | price_eur: 39.50"
CODE = """Set up the VPN:

```sh
$ sudo apt install wireguard
sudo wg-quick up office
```

That is all."""
STEPS = """Save your schedules before the update:

```
app export --all > schedules.json
```

After a search, to return to where you were, issue the following command:

$ git bisect reset
$ git log

By default, this is the first commit. You may also type `git stash`."""


@pytest.mark.parametrize(
    ("question", "text", "said", "meant"),
    [
        ("What is the hotel limit in Norway?", MARKDOWN, "75 € | 182 €", "182 €"),
        ("What do I get for meals in Norway?", MARKDOWN, "75 € | 182 €", "75 €"),
        ("What is the hotel limit in Germany?", MARKDOWN, "28 € | **130 €", "130 €"),
        ("What about Norway?", MARKDOWN, "75 € | 182 €", "75 € | 182 €"),
        ("What is the hotel limit in Norway?", MARKDOWN, "75", "75 €"),
        ("What is Anneliese's extension?", PLAIN, "Anneliese Vogt | C-003", "4471"),
        ("Who has room C-003?", PLAIN, "Anneliese Vogt | C-003", "Anneliese Vogt | C-003"),
        ("What is the extension?", "cat a | grep b | sort", "a | grep b", "a | grep b"),
        ("What is the price of the mouse?", RECORDS, "eur: 39.50", "39.50"),
        ("What does the mouse cost?", RECORDS, "eur", "89.90"),
        ("Which product is MS-200?", RECORDS, "MS-200 | product: Mouse", "Mouse Auk"),
        ("Which mouse is it?", RECORDS, "Auk", "Auk"),
        ("How much are meals in Germany?", MARKDOWN, "28 € | **130 €** |\n| Norway | 75 €", "28 €"),
        ("Is it 4471?", PLAIN, "4410\nAnneliese", "4410"),
        ("What does the mouse cost?", f"{RECORDS}\n\nIt is grey.", "eur: 39.50\n\nIt", "39.50"),
        ("What is grey?", f"{RECORDS}\n\nMade of grey steel.", "50\n\nMade of grey steel", "Made of grey steel"),
        ("How can I pay?", "topic: pay\n\nBy card or cash.", "topic: pay\n\nBy card or cash", "By card or cash"),
        ("Who rang?", "Ada rang twice: it was late.\n\nRing twice.", "Ada", "Ada"),
        ("How do I install it?", CODE, "Set up the VPN:\n\n```sh\n$ sudo apt", "sudo apt install wireguard"),
        ("How do I install it?", CODE, "apt install", "sudo apt install wireguard"),
        ("How do I install it?", CODE, "wireguard\nsudo wg", "sudo apt install wireguard\nsudo wg-quick up office"),
        ("What is installed?", CODE, "wireguard", "wireguard"),
        ("What do I set up?", CODE, "the VPN", "the VPN"),
        ("How do I keep schedules?", STEPS, "Save your schedules", "app export --all > schedules.json"),
        ("Which command keeps schedules?", STEPS, "app export", "app export --all > schedules.json"),
        ("Which program keeps schedules?", STEPS, "app", "app"),
        ("How do I end a search?", STEPS, "issue the following command", "git bisect reset\n$ git log"),
        ("Which command ends a search?", STEPS, "$ git bisect", "git bisect reset"),
        ("When is it issued?", STEPS, "After a search", "After a search"),
        ("Which command is it?", STEPS, "git stash", "git stash"),
    ],
)
def test_an_answer_is_one_cell_or_a_whole_command(question: str, text: str, said: str, meant: str) -> None:
    start = text.index(said)
    first, last = complete(question, text, start, start + len(said))
    assert text[first:last] == meant


def test_hostile_tables_and_fences_take_no_time() -> None:
    for text in ("a: $ b\n" * 20_000, "a | b\n" * 20_000, "| " * 40_000, "```\n" * 20_000, "~~~\n```\n" * 20_000):
        middle = len(text) // 2
        first, last = complete("How many a | b?", text, middle, middle + 6)
        assert middle - 100 < first < last < middle + 100
