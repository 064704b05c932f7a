"""How to do it: pages that name commands, options and settings, and 71 questions.

python benchmarks/howto/run.py --out benchmarks/results/howto

The nine pages beside this file are documentation as others wrote it (NOTICE says whose). The questions were written
down with their gold before the first run. They come in two halves, by document: one to look at while rules are made,
one to judge them by. Sixteen more that nothing answers were written when the rule had changed once on account of the
second half (`extra`). Right: the document, and token F1 of 0.6 or more against a gold answer. Well: a right answer
shown, or silence where nothing says how.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import asked

if __name__ == "__main__":
    asked.ask_halves(Path(__file__).parent, ("look", "judge", "extra"), "How to do it", __doc__)
