"""The words around an example: prompts, targets, and how what a model wrote is taken apart."""

from collections.abc import Mapping, Sequence
from typing import Any

from .answers_mmcot import parse_answer
from .free_answers_mmcot import answer_words, read_free_answer
from .prompt_mmcot import NO_CONTEXT, STATEMENT, Prompt, flatten, join_parts, letter
from .stage_records_mmcot import BECAUSE, RATIONALE, STAGES, Stage, find_stage


class Wording:
    """Every word that a model reads or writes, see [`MMCoTProcessor`], which says what the settings mean.

    Args:
        newline: what a line break in a lecture or solution becomes.
        lecture: a rationale is lecture and solution, not solution only.
    """

    newline: str
    lecture: bool

    def build_prompt(
        self, example: Mapping[str, Any], stage: str, rationale: str | None = None, **written: str
    ) -> Prompt:
        """The text the model reads.

        Args:
            example: the problem.
            stage: one of `rationale`, `answer`, `direct`, `rationale_answer`, `answer_rationale`.
            rationale: for a stage that reads it, what stage 1 wrote; the example's own rationale where not given.
            written: the same of other stages, each under its name.

        Raises:
            ValueError: for an unknown stage.
        """
        asked, read = find_stage(stage), {find_stage(name).name: text for name, text in written.items()}
        read |= {} if rationale is None else {RATIONALE: rationale}
        context = " ".join(filter(None, [example.get("hint"), example.get("caption")]))
        options = [f"({letter(i)}) {text}" for i, text in enumerate(example.get("choices") or ())]
        parts = [
            ("question", f"Question: {example['question']}"),
            ("", "Context:"),
            ("context", context.strip() or NO_CONTEXT),
            ("options", " ".join(["Options:", *options]) if options else ""),
        ]
        for earlier in asked.reads:
            text = read[earlier] if earlier in read else self._fill_target(example, STAGES[earlier])
            parts += [("", STAGES[earlier].cue), (earlier, self.parse_rationale(text))]
        return join_parts([*parts, ("", asked.cue)])

    def build_target(self, example: Mapping[str, Any], stage: str) -> str:
        """The text the model is to write; see [`~MMCoTProcessor.build_prompt`] for the arguments."""
        asked = find_stage(stage)
        if asked.writes_answer or not self.lecture:
            return self._fill_target(example, asked)
        # The official lecture format closes with a full stop of its own, even after an empty solution.
        return self._fill_target(example, asked, stop="." if example.get("solution") else " .")

    def _fill_target(self, example: Mapping[str, Any], stage: Stage, stop: str = "") -> str:
        rationale = self.gold_rationale(example) + stop
        answer = f"{STATEMENT} {answer_words(example)}." if stage.writes_answer else ""
        return flatten(stage.target.format(rationale=rationale, answer=answer))

    def option_targets(self, options: int, stage: str) -> list[str]:
        """What a stage that only answers would write for each of so many options."""
        return [self.build_target({"answer": index}, stage) for index in range(options)]

    def gold_rationale(self, example: Mapping[str, Any]) -> str:
        """The example's own rationale: its solution, after its lecture if the processor says so."""
        texts = [example.get("lecture") if self.lecture else None, example.get("solution")]
        rationale = " ".join(filter(None, texts))
        return flatten(rationale.replace("\n", "\\n") if self.newline == "official" else rationale)

    def parse_rationale(self, text: str) -> str:
        """A generated rationale without the cue it starts with."""
        return flatten(text).removeprefix(STAGES[RATIONALE].cue).strip()

    def visible_rationale(self, text: str) -> str:
        """What there is to see of a rationale that is being written: nothing before its cue is complete."""
        return "" if STAGES[RATIONALE].cue.startswith(text.strip()) else self.parse_rationale(text)

    def split_output(self, text: str, stage: str) -> tuple[str | None, str]:
        """What a stage wrote, as its rationale (`None` where the stage writes none) and the text of its answer."""
        asked = find_stage(stage)
        if asked.only_answers:
            return None, text
        rationale, answer = text, ""
        if BECAUSE in asked.target:
            answer, _, rationale = text.partition(BECAUSE)
        elif asked.writes_answer:
            rationale, statement, rest = text.rpartition(STATEMENT)
            answer = statement + rest
        return self.parse_rationale(rationale), answer.strip()

    @staticmethod
    def parse_answer(text: str, choices: Sequence[str]) -> int | None:
        """Index of the option a generated text names, or `None` where it names none or several.

        A letter counts first (`The answer is (B).`, `B`, or the only `(B)` in the text), then an option's own words.
        """
        return parse_answer(text, choices)

    @staticmethod
    def parse_free_answer(text: str) -> str | None:
        """The answer to a question without options in a generated text, in words (`The answer is 42.`, or `42`).

        `None` where there is none, or several, and where it is the letter of an option.
        """
        return read_free_answer(text)

    def parse_given(self, text: str, choices: Sequence[str]) -> int | str | None:
        """The answer in a text: index of an option, or words where there are no options; `None` for none."""
        return self.parse_answer(text, choices) if choices else self.parse_free_answer(text)
