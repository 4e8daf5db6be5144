"""The ablations: what a trained system is deprived of, or given, to see what it owes to that.

A new ablation is a record here. Where it changes images or rationales in a new way, a function in
`evaluation/ablations.py` makes that change.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Ablation:
    """The same model, asked again with something changed.

    Args:
        name: of `metrics.json`, tables and charts.
        meaning: what is changed, as a phrase.
        images: what every image becomes: `blank`, or that of `another` example. Without it, images stay.
        rationales: what the answer stage reads instead of what the rationale stage wrote: `none` or the `gold` one.
    """

    name: str
    meaning: str
    images: Literal["blank", "another"] | None = None
    rationales: Literal["none", "gold"] | None = None


BLANK = Ablation("blank pictures", "every picture is plain grey", images="blank")
SHUFFLED = Ablation("shuffled pictures", "every picture is another problem's", images="another")
NO_RATIONALE = Ablation("no rationale", "the answer stage reads no rationale", rationales="none")
GOLD_RATIONALE = Ablation("gold rationale", "the answer stage reads the gold rationale", rationales="gold")

ABLATIONS = {ablation.name: ablation for ablation in (BLANK, SHUFFLED, NO_RATIONALE, GOLD_RATIONALE)}

# What the scores of ablations stand beside, and the groups of examples that they are given for.
FULL_SYSTEM = "full system"
ALL_EXAMPLES, PICTURED = "all problems", "with a picture"
