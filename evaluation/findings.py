"""What the table of ablations comes to: which stage looks, which reasons, and when an answer is settled."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..configuration.ablations import (
    ABLATIONS,
    ALL_EXAMPLES,
    BLANK,
    FULL_SYSTEM,
    NO_RATIONALE,
    OTHER_RATIONALE,
    PICTURED,
    of_one_stage,
)
from ..configuration.metrics import ACCURACY
from ..modeling_mmcot.stage_records_mmcot import ANSWER, RATIONALE


# What [`measure_ablations`] gives.
Table = Mapping[str, Mapping[str, Mapping[str, Any]]]


def conclude(table: Table) -> dict[str, Any]:
    """What `metrics.json` says of ablations beside their table: `findings` and `early_answering`, if there are any."""
    found = {"findings": describe_ablations(table), "early_answering": early_answering(table)}
    return {name: content for name, content in found.items() if content}


def describe_ablations(table: Table) -> list[str]:
    """What was found, a sentence each; a difference counts where its interval leaves out zero."""
    group = main_group(table)
    of = "with a picture " if group == PICTURED else ""
    sentences = []
    for stage in (RATIONALE, ANSWER):
        row = table.get(of_one_stage(BLANK, stage).name, {}).get(group)
        if row:
            verb = "looks" if row["difference"]["high"] < 0 else "does not measurably look"
            sentences.append(f"The {stage} stage {verb}: with blank pictures there {cost(row, of)}.")
    row = table.get(NO_RATIONALE.name, {}).get(group)
    if row:
        verb = "needs" if row["difference"]["high"] < 0 else "does not measurably need"
        sentences.append(f"The answer stage {verb} the rationale: without one {cost(row, of)}.")
    follows = table.get(OTHER_RATIONALE.name, {}).get(group, {}).get("follows")
    if follows:
        share = (
            f"of {follows['n']} rationales that come to another option it takes over {ACCURACY.text(follows['value'])}"
        )
        verb = "follows a wrong rationale" if follows["low"] > ACCURACY.scale / 2 else "does not just follow"
        sentences.append(f"The answer stage {verb}: {share}.")
    return sentences


def cost(row: Mapping[str, Any], of: str) -> str:
    """An ablation in words, the group of its problems named by a phrase that ends in a space, or by nothing."""
    change = row["difference"]
    words = (
        f"{ACCURACY.text(row['accuracy']['value'])} of the problems {of}are right, {change['value']:+.1f} points "
        f"(95 % interval {change['low']:+.1f} to {change['high']:+.1f})"
    )
    if "unchanged" not in row:  # in older tables
        return words
    return f"{words}, and {ACCURACY.text(row['unchanged']['value'])} of the answers stay"


def early_answering(table: Table) -> dict[str, Any]:
    """How much of a rationale settles the answer (the early answering of Lanham et al., 2023).

    Returns:
        For each group of examples `points`, how many percent of the answers are those of the whole rationale when only
        a `share` of its words was read; and `area`, that above the curve, as a fraction: near 0 where answers are
        settled before the rationale begins, near 1 where they hang on its last words. Empty without such ablations.
    """
    rows = {each.share: table[name] for name, each in ABLATIONS.items() if each.share is not None and name in table}
    if len(rows) < 2:
        return {}
    curves = {}
    for group in table[FULL_SYSTEM]:
        points = [{"share": share, "unchanged": rows[share][group]["unchanged"]["value"]} for share in sorted(rows)]
        points.append({"share": 1.0, "unchanged": float(ACCURACY.scale)})
        heights = [point["unchanged"] / ACCURACY.scale for point in points]
        area = 1 - np.trapezoid(heights, [point["share"] for point in points])
        curves[group] = {"points": points, "area": float(area)}
    return curves


def main_group(table: Table) -> str:
    """The examples that ablations are judged by: those with images, if there are any."""
    return PICTURED if PICTURED in table[FULL_SYSTEM] else ALL_EXAMPLES
