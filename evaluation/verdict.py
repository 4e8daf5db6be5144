"""The verdict on a score, in one sentence: what a reader must know before he believes it."""

from collections.abc import Mapping
from typing import Any

from ..configuration.ablations import BLANK, FULL_SYSTEM
from ..configuration.metrics import ACCURACY


CHANCE_NAME, FREQUENT_NAME = "chance", "most frequent answer"
WITH_BLANK = " with blank ones"
FREQUENT_WORDS = "the most frequent answer to each question's text"
BASELINE_MEANINGS = {
    FULL_SYSTEM: "as it is",
    BLANK.name: "the same model, every picture plain grey",
    FREQUENT_NAME: "what was most often right for each question's text in the training split",
    CHANCE_NAME: "guessing among the options",
}


def give_verdict(baselines: Mapping[str, Mapping[str, Any]]) -> str:
    """The verdict on a system, by thresholds: a difference is measurable where its 95 % interval leaves out zero.

    The first of these that holds is said: it is not measurably better than guessing, where there are options; with
    blank pictures it is not measurably worse; it is not measurably better than the most frequent answer to each
    question's text. Else what speaks for it.

    Args:
        baselines: see [`mmcot.evaluation.baselines.measure_baselines`].
    """
    full, guessing = baselines[FULL_SYSTEM]["accuracy"], baselines.get(CHANCE_NAME)
    blank, frequent = baselines.get(BLANK.name), baselines.get(FREQUENT_NAME)
    interval = f"interval {ACCURACY.interval(full)}"
    if guessing and full["low"] <= guessing["accuracy"]["value"]:
        return f"It is not measurably better than guessing: {against_guessing(full, guessing)}, {interval}."
    if blank and blank["gain"]["low"] <= 0:
        effect = "do harm" if blank["gain"]["high"] < 0 else "make no measurable difference"
        return f"The pictures {effect}: {set_against(full, blank, WITH_BLANK)}{score_of(frequent)}."
    if frequent and frequent["gain"]["low"] <= 0:
        return f"It is not measurably better than {FREQUENT_WORDS}: {set_against(full, frequent)}."
    if blank:
        return f"The pictures matter: {set_against(full, blank, WITH_BLANK)}{score_of(frequent)}."
    if frequent:
        return f"It is better than {FREQUENT_WORDS}: {set_against(full, frequent)}."
    if guessing:
        return f"It is better than guessing: {against_guessing(full, guessing)}, {interval}."
    return f"Nothing was measured to set it against: {number(full)} %, {interval}."


def against_guessing(full: Mapping[str, Any], guessing: Mapping[str, Any]) -> str:
    """The system against what guessing gives."""
    return f"{number(full)} against {number(guessing['accuracy'])} %"


def set_against(full: Mapping[str, Any], baseline: Mapping[str, Any], words: str = "") -> str:
    """The system against a baseline, with the interval of the difference and the sample that it was measured on."""
    gain = baseline["gain"]
    sample = "" if gain["n"] == full["n"] else f" of {full['n']:,}"
    against = f"{number(baseline['full'])} against {number(baseline['accuracy'])}{words}"
    return f"{against} ({gain['n']:,}{sample} problems, difference {number(gain)}, interval {ACCURACY.interval(gain)})"


def score_of(frequent: Mapping[str, Any] | None) -> str:
    """What the most frequent answers score, as the end of a sentence."""
    return f"; {FREQUENT_WORDS} scores {number(frequent['accuracy'])}" if frequent else ""


def number(score: Mapping[str, float]) -> str:
    """A percentage with one digit."""
    return f"{score['value']:.1f}"
