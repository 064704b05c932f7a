"""Asked how, a command is the answer that all words of the question introduce, asked for an option the one that they
describe; else the model's reading stays."""

from __future__ import annotations

import pytest

from spanwise.qa.blocks import code_spans
from spanwise.qa.commands import prefer_commands
from spanwise.qa.reading import Candidate, Reading

PAGE = """## Sprocket

You can install `sprocket` using `pip`:

```bash
pip install sprocket
```

To upgrade it, add `--upgrade`. Create the key with `sprocket key new`.

```bash
# Stop one worker
sprocket stop w1   # by its name

# Stop all workers
sprocket stop-all
```

To turn on debugging output:

::

   $ sprocket --debug
   listening

To build the pages, use:

make html"""


def read(question: str, text: str = PAGE, above: str = "", relevance: float = 1.0) -> str | None:
    """The words in front, or None where the reading stays as it was; `relevance` of 1.0 becomes that."""
    reading = Reading(1.0, 8.0, (Candidate(0, 2, -4.0),))
    said = prefer_commands(question, text, reading, above)
    if said is reading:
        return None
    assert (said.relevance, said.null_score, said.candidates[1:]) == (
        relevance,
        8.0,
        (Candidate(0, 2, -7.0),),
    )
    assert said.candidates[0].score == 3.0
    return text[said.candidates[0].start : said.candidates[0].end]


@pytest.mark.parametrize(
    ("question", "command"),
    [
        ("How do I install Sprocket?", "pip install sprocket"),
        ("How can I create a key?", "sprocket key new"),
        ("Which command stops all workers?", "sprocket stop-all"),
        ("how to stop a single worker", None),
        ("How do I stop one worker?", "sprocket stop w1   # by its name"),
        ("How is debugging output turned on?", "sprocket --debug"),
        ("How do I build the pages?", "make html"),
        ("How do I uninstall Sprocket?", None),
        ("How do I install Sprocket with apt?", None),
        ("How do I install it?", None),
        ("When was Sprocket installed?", None),
        ("Who builds the pages?", None),
    ],
)
def test_the_words_of_the_question_introduce_the_command(question: str, command: str | None) -> None:
    assert read(question) == command


def test_headings_hold_words_of_the_question_too() -> None:
    text = "You can run:\n\n```\nbrew install sprocket\n```"
    question = "How do I install sprocket on macOS?"
    assert read(question, text) is None
    assert read(question, text, "Sprocket › macOS") == "brew install sprocket"
    assert read("How do I start the macOS daemon?", text, "Start › macOS › daemon") is None


def test_of_several_commands_the_one_that_the_model_points_at() -> None:
    text = "Delete a key with `sprocket key rm` or `sprocket purge key`."
    place = text.index("sprocket purge")
    reading = Reading(1.0, 2.0, (Candidate(place, place + 8, 9.0), Candidate(0, 6, 1.0)))
    said = prefer_commands("How do I delete a key?", text, reading)
    assert [(text[one.start : one.end], one.score) for one in said.candidates] == [
        ("sprocket purge key", 9.0),
        ("Delete", -2.0),
    ]


def test_code_whose_beginning_is_cut_off_makes_no_code_of_what_follows() -> None:
    assert list(code_spans("ls\n```\n\nThis lists files.\n", 0, 28)) == []


def test_a_title_underlined_with_tildes_begins_no_code() -> None:
    assert list(code_spans("Basic Commands\n~~~~~~~~~~~~~~\n\nAs follows.\n", 0, 40)) == []
    assert [*code_spans("~~~ sh\nls\n~~~\n", 0, 10)] == [(7, 10)]


MANUAL = """OPTIONS
     -R, --recursive
             change files and directories recur‐
             sively

     --no-recursive   do not change directories recursively
     -t      Test. Check the integrity of the file.

     -v level
     --verbose=level
             Verbose. Print the name of each file, and how much smaller it has become by its compression. More levels
             say more.

EXIT STATUS
     0
         success
     13  permission denied

ENVIRONMENT
     SPROCKET_HOME
             Where the settings are.
"""
MARKDOWN = """* `--yes`: Answer yes to all prompts
| Flag | Default | Description |
| --- | --- | --- |
| `--team`, `-t` | null | The team that owns the package |

### `cache.size=bytes`

<!-- added: 1.2 -->

The most bytes that the cache holds.
"""
DEFINITIONS = """.. option:: -c, --compress

   Compress the archive with deflate.

-p spec…

--package spec…

Clean only some packages.

The end."""


@pytest.mark.parametrize(
    ("question", "text", "answer"),
    [
        ("Which option changes files recursively?", MANUAL, "-R, --recursive"),
        ("How do I change files recursively?", MANUAL, "-R, --recursive"),
        ("Which option changes files?", "       -R, --recursive\n\t      change files\n\nSEE ALSO", "-R, --recursive"),
        ("Which option of sprocket does not change directories recursively?", MANUAL, "--no-recursive"),
        ("Which option of gzip changes files recursively?", MANUAL, None),
        ("Which option changes links recursively?", MANUAL, None),
        ("Which option prints the name of each file?", MANUAL, "--verbose=level"),
        ("Which exit code means permission denied?", MANUAL, "13"),
        ("What does exit code 13 mean?", MANUAL, "permission denied"),
        ("What does exit code 3 mean?", MANUAL, None),
        ("Which environment variable is where the settings are?", MANUAL, "SPROCKET_HOME"),
        ("What does sprocket -t do?", MANUAL, "Test. Check the integrity of the file."),
        ("What does sprocket -T do?", MANUAL, None),
        ("What does gzip -t do?", MANUAL, None),
        ("What do -t and -R do?", MANUAL, None),
        ("Which flag answers yes to all prompts?", MARKDOWN, "--yes"),
        ("Which flag is the team that owns the package?", MARKDOWN, "`--team`, `-t`"),
        ("Which setting is the most bytes the cache holds?", MARKDOWN, "cache.size=bytes"),
        ("What does --yes do?", MARKDOWN, "Answer yes to all prompts"),
        ("Which option compresses the archive?", DEFINITIONS, "-c, --compress"),
        ("Which option cleans only some packages?", DEFINITIONS, "--package spec…"),
        ("What does the option --package do?", DEFINITIONS, "Clean only some packages."),
    ],
)
def test_an_option_is_told_by_what_is_said_of_it_and_the_other_way_round(
    question: str, text: str, answer: str | None
) -> None:
    assert read(question, text, "sprocket.txt", 1.0 if question.startswith("How") else 5.0) == answer


def test_of_a_long_description_the_first_sentence() -> None:
    said = read("What does --verbose mean?", MANUAL, relevance=5.0)
    assert said is not None
    assert said.startswith("Verbose. Print")
    assert said.endswith("compression.")


def test_an_option_that_does_the_opposite_is_no_answer() -> None:
    assert read("Which option changes directories recursively?", "  -n  do not change directories recursively") is None
