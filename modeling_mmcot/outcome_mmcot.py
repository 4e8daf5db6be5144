"""What comes of a question: the settings of its stages, what their texts say, and the dictionary that a user gets."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .allowed_mmcot import STAGE_SETTINGS
from .confidence_mmcot import Written, calibrated, log_confidence
from .prompt_mmcot import letter
from .questions_mmcot import read_question
from .samples_mmcot import SAMPLING, choose
from .stage_records_mmcot import ANSWER, RATIONALE, find_stage, in_order
from .wording_mmcot import Wording


def read_for_stages(row: Any, stages: Iterable[str]) -> dict[str, Any]:
    """A question with all that the stages of a model need, see [`read_question`].

    Raises:
        ValueError: for what is no question, and for one with a rationale too many or too few.
    """
    example, stages = read_question(row), set(stages)
    needed = {earlier for stage in stages for earlier in find_stage(stage).reads}
    if example["rationale"] is not None and RATIONALE not in needed:
        raise ValueError("This model reads no 'rationale'; leave it out.")
    if example["rationale"] is None and needed - stages:
        raise ValueError(
            "This model answers from a rationale, but the one that writes it is not there: give a 'rationale', or "
            "load a folder with both stages."
        )
    return example


def settings_by_stage(settings: Mapping[str, Any], stages: Iterable[str], sampled: bool) -> dict[str, dict[str, Any]]:
    """The settings of each stage's `generate()`.

    Args:
        settings: what a call says, for both stages and for each.
        stages: of the model.
        sampled: whether several rationales are to be drawn.
    """
    stages = list(stages)
    own = {stage: settings.get(name, {}) for stage, name in STAGE_SETTINGS.items()}
    if own[RATIONALE] and RATIONALE not in stages:
        raise ValueError("rationale_kwargs are for a stage that writes rationales, which this model has not.")
    common = {name: value for name, value in settings.items() if name not in STAGE_SETTINGS.values()}
    by_stage = {stage: {**common, **own[ANSWER]} for stage in stages}
    if RATIONALE in by_stage:
        by_stage[RATIONALE] = {**(SAMPLING if sampled else {}), **common, **own[RATIONALE]}
    return by_stage


def require_samples(stages: Iterable[str], examples: Iterable[Mapping[str, Any]]) -> None:
    """Refuses to sample rationales where there is nothing to sample, or no scores to average."""
    stages = in_order(stages)
    if RATIONALE not in stages or not find_stage(stages[-1]).only_answers:
        raise ValueError("num_samples averages over rationales, which this model has no stage for; leave it out.")
    if any(example["rationale"] is not None for example in examples):
        raise ValueError("num_samples averages over rationales of the model; leave it out, or the 'rationale'.")


@dataclass
class Parsed:
    """What the texts of all stages say.

    Args:
        rationale: `None` where no stage writes one.
        answer_text: of the answer, as it was written.
        given: the answer in it: position of an option, or where there are no options its words; `None` for none.
    """

    rationale: str | None
    answer_text: str
    given: int | str | None

    @property
    def index(self) -> int | None:
        """Position of the option."""
        return self.given if isinstance(self.given, int) else None

    @property
    def answer(self) -> str | None:
        """The letter of the option, or the answer in words."""
        return letter(self.given) if isinstance(self.given, int) else self.given


def parse_stages(wording: Wording, written: Mapping[str, Written], choices: Sequence[str]) -> Parsed:
    """What stands in the texts of a question's stages.

    Args:
        wording: of the model that wrote them.
        written: by stage in their order; the last holds the answer.
        choices: the options of the question; none where it has none.
    """
    last = list(written)[-1]
    rationale, answer = wording.split_output(written[last].text, last)
    if RATIONALE in written:
        rationale = wording.parse_rationale(written[RATIONALE].text)
    return Parsed(rationale, answer, wording.parse_given(answer, choices))


def build_prompt(wording: Wording, example: Mapping[str, Any], stage: str, written: Mapping[str, Written]) -> str:
    """What a stage reads of an example, after what earlier stages wrote for it."""
    return wording.build_prompt(example, stage, **{name: each.text for name, each in written.items()})


def conclude_samples(
    wording: Wording,
    samples: Sequence[Mapping[str, Written]],
    choices: Sequence[str],
    temperature: float | None,
    abstain_below: float | None = None,
) -> tuple[int, dict[str, Any]]:
    """What the texts of a question come to.

    Args:
        wording: of the model that wrote them.
        samples: what each stage wrote; several times, where it was asked for several rationales.
        choices: the options of the question; none where it has none.
        temperature: of the confidence, see [`calibrated`].
        abstain_below: no answer with a lower confidence.

    Returns:
        Position of the sample that speaks for all, and the dictionary that a user gets, see [`MMCoTPipeline`].
    """
    parts = [parse_stages(wording, written, choices) for written in samples]
    spoken, agreement = 0, {}
    scores = list(samples[0].values())[-1].scores
    if len(samples) > 1:
        choice = choose([list(each.values()) for each in samples], [each.given for each in parts])
        spoken, scores, agreement = choice.sample, choice.scores, {"agreement": choice.agreement}
    written, part = samples[spoken], parts[spoken]
    confidence = calibrated(log_confidence(written.values(), part.given), temperature)
    reason = reason_for_silence(part.given, choices, confidence, abstain_below)
    index = part.index if reason is None else None
    return spoken, {
        "rationale": part.rationale,
        "answer": part.answer if reason is None else None,
        "choice": None if index is None else choices[index],
        "choice_index": index,
        "answer_text": part.answer_text,
        "scores": scores,
        "confidence": confidence,
        **agreement,
        "parsed": part.given is not None,
        "reason": reason,
    }


def everything_written(
    wording: Wording, example: Mapping[str, Any], written: Mapping[str, Written], stages: Iterable[str]
) -> dict[str, Any]:
    """By stage, what it read and what it wrote."""
    prompts = {stage: build_prompt(wording, example, stage, written) for stage in in_order(stages)}
    return {"prompts": prompts, "texts": {stage: each.text for stage, each in written.items()}}


def reason_for_silence(
    given: int | str | None, choices: Sequence[str], confidence: float | None, abstain_below: float | None
) -> str | None:
    """Why there is no answer; `None` where there is one."""
    if given is None:
        return "the text names no option, or several" if choices else "the text gives no answer in words, or several"
    if abstain_below is None:
        return None
    if confidence is None:
        raise ValueError(
            "abstain_below looks at the confidence, and this answer has none: its model was not calibrated, or the "
            "rationale is yours; leave abstain_below out."
        )
    return f"its confidence, {confidence:.2f}, is below {abstain_below}" if confidence < abstain_below else None
