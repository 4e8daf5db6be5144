"""The stages: texts that a model can be trained to write, and in which order they follow each other."""

from collections.abc import Iterable
from dataclasses import dataclass


# Where in a repository a model lies that has no folder of its own.
ROOT_FOLDER = "."

RATIONALE = "rationale"
ANSWER = "answer"
DIRECT = "direct"
RATIONALE_ANSWER = "rationale_answer"
ANSWER_RATIONALE = "answer_rationale"
BECAUSE = "BECAUSE:"  # between an answer and its rationale


@dataclass(frozen=True)
class Stage:
    """A text that a model can be trained to write. All that the package asks of a stage is said here.

    Args:
        name: in calls and in [`MMCoTConfig`].
        official: what the paper calls it.
        cue: last word of the prompt, which asks for the text.
        target: the text, in which `{rationale}` and `{answer}` stand for what is to be written.
        reads: earlier stages whose texts stand in the prompt, each after its own cue.
        folder: where its model lies in a repository of whole models.
    """

    name: str
    official: str
    cue: str
    target: str
    reads: tuple[str, ...] = ()
    folder: str = ROOT_FOLDER

    @property
    def writes_rationale(self) -> bool:
        """Whether a rationale is part of the text."""
        return "{rationale}" in self.target

    @property
    def writes_answer(self) -> bool:
        """Whether an answer is part of the text."""
        return "{answer}" in self.target

    @property
    def only_answers(self) -> bool:
        """Whether the text is nothing but an answer, so that the options can be compared as such texts."""
        return self.target == "{answer}"

    @property
    def is_baseline(self) -> bool:
        """Whether the question is answered in this one stage."""
        return self.writes_answer and not self.reads

    @property
    def scores(self) -> tuple[str, ...]:
        """The scores that tell while training how good the texts are, the most telling first."""
        return ("accuracy",) if self.writes_answer else ("conclusion", "rouge_l")


# In the order in which a repository that has several of them goes through them.
STAGES = {
    stage.name: stage
    for stage in (
        Stage(RATIONALE, "QCM-E or QCM-LE", "Solution:", "Solution: {rationale}"),
        Stage(ANSWER, "QCMG-A", "Answer:", "{answer}", reads=(RATIONALE,), folder=ANSWER),
        Stage(DIRECT, "QCM-A", "Answer:", "{answer}"),
        Stage(RATIONALE_ANSWER, "QCM-LEA", "Solution:", "{rationale} {answer}"),
        Stage(ANSWER_RATIONALE, "QCM-ALE", "Solution:", f"{{answer}} {BECAUSE} {{rationale}}"),
    )
}
# Those that follow each other: each reads what the ones before it wrote.
CHAIN = tuple(name for name, stage in STAGES.items() if not stage.is_baseline)


def find_stage(name: str) -> Stage:
    """The stage of this name.

    Raises:
        ValueError: where there is none.
    """
    if name not in STAGES:
        raise ValueError(f"stage is {name!r}; use one of {', '.join(STAGES)}.")
    return STAGES[name]


def in_order(stages: Iterable[str]) -> list[str]:
    """Names of stages in the order in which a repository goes through them."""
    return sorted(stages, key=list(STAGES).index)
