"""The ablations: what a trained system is deprived of, or given, to see which of its stages looks and which reasons.

A new ablation is a record here. Where it changes images or rationales in a new way, a function in
`evaluation/changed_images.py` or `evaluation/changed_rationales.py` makes that change.
"""

from dataclasses import dataclass
from typing import Literal

from ..modeling_mmcot.stage_records_mmcot import ANSWER, RATIONALE


@dataclass(frozen=True)
class Ablation:
    """The same model, asked again with something changed.

    Args:
        name: of `metrics.json`, tables and charts.
        meaning: what is changed, as a phrase.
        images: what every image becomes: `blank`, or that of `another` example. Without it, images stay.
        stage: the only stage that sees the changed images; the other sees its own. Without it, both see them.
        rationales: what the answer stage reads instead of what the rationale stage wrote: `none`, the `gold` one, that
            of `another` example, its own without its `conclusion`, its own `masked`, or its `beginning`.
        share: how much of the rationale's words the answer stage reads. These make the early-answering curve.
    """

    name: str
    meaning: str
    images: Literal["blank", "another"] | None = None
    stage: str | None = None
    rationales: Literal["none", "gold", "another", "conclusion", "masked", "beginning"] | None = None
    share: float | None = None


BLANK = Ablation("blank pictures", "every picture is plain grey", images="blank")
SHUFFLED = Ablation("shuffled pictures", "every picture is another problem's", images="another")
NO_RATIONALE = Ablation("no rationale", "the answer stage reads no rationale", rationales="none", share=0.0)
GOLD_RATIONALE = Ablation("gold rationale", "the answer stage reads the gold rationale", rationales="gold")
OTHER_RATIONALE = Ablation(
    "another problem's rationale", "one that comes to another of its options, where there is one", rationales="another"
)
NO_CONCLUSION = Ablation(
    "rationale without its end", "the answer stage reads all but the last sentence", rationales="conclusion"
)
MASKED = Ablation("rationale with options masked", "wherever it names an option it says ...", rationales="masked")


def of_one_stage(change: Ablation, stage: str) -> Ablation:
    """A change of images that only one stage sees."""
    return Ablation(f"{change.name}, {stage} stage", f"for the {stage} stage alone", change.images, stage=stage)


def first(percent: int) -> Ablation:
    """So much of the rationale."""
    words = f"the answer stage reads the first {percent} % of its words"
    return Ablation(f"first {percent} % of the rationale", words, rationales="beginning", share=percent / 100)


ABLATIONS = {
    ablation.name: ablation
    for ablation in (
        BLANK,
        *(of_one_stage(BLANK, stage) for stage in (RATIONALE, ANSWER)),
        SHUFFLED,
        *(of_one_stage(SHUFFLED, stage) for stage in (RATIONALE, ANSWER)),
        NO_RATIONALE,
        *(first(percent) for percent in (25, 50, 75)),
        NO_CONCLUSION,
        MASKED,
        OTHER_RATIONALE,
        GOLD_RATIONALE,
    )
}

# What the scores of ablations stand beside, and the groups of examples that they are given for.
FULL_SYSTEM = "full system"
ALL_EXAMPLES, PICTURED = "all problems", "with a picture"
