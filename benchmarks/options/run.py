"""Lists of options: manual pages, the text of `--help` and references of command lines, and 81 questions.

python benchmarks/options/run.py --out benchmarks/results/options

The nine pages beside this file are as others wrote them (NOTICE says whose): two manual pages as text, two `--help`
in columns, two definition lists of HTML, two pages of Markdown, one of reST. Asked is which option, variable or exit
code does something (`term`), and what one does (`meaning`). The questions were written down with their gold before the
first run, in two halves by document: one to look at while rules are made, one to judge them by. Sixteen more that no
page answers (`extra`) were written when the rule had been made and the second half looked at. Right: the document,
and token F1 of 0.6 or more against a gold answer. Well: a right answer shown, or silence where no page answers.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import asked

if __name__ == "__main__":
    asked.ask_halves(Path(__file__).parent, ("look", "judge", "extra"), "Lists of options", __doc__)
