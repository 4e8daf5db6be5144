"""`OnnxPipeline(FOLDER)`: what `MMCoTPipeline` answers, without torch and transformers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import tee
from pathlib import Path
from typing import Any

from ..modeling_mmcot.allowed_mmcot import COUNTS, OWN_SETTINGS, PLAIN_KINDS, STAGE_SETTINGS, check_kinds
from ..modeling_mmcot.images_mmcot import show
from ..modeling_mmcot.outcome_mmcot import (
    conclude_samples,
    everything_written,
    read_for_stages,
    require_samples,
    settings_by_stage,
)
from ..modeling_mmcot.questions_mmcot import QUESTION_KEYS, check_pipeline_keywords
from ..modeling_mmcot.stage_records_mmcot import RATIONALE, in_order
from .flow import Asked, StageFlow, ask_samples
from .folder import open_export
from .writing_settings import WRITING_KEYWORDS, WritingSettings


# Of a call of `MMCoTPipeline`, what only torch can do.
ONLY_TORCH = {
    "explain": "where a model looked is only known with torch",
    "num_workers": "one process reads all questions",
}


class OnnxPipeline:
    """Answers questions about pictures in two stages, like [`MMCoTPipeline`], from an export in ONNX.

    ```python
    pipe = OnnxPipeline("exported")
    pipe(image="photo.png", question="What is the weather?", choices=["sunny", "rainy"])
    pipe([{"question": "...", "choices": ["...", "..."], "image": "photo.png"}, ...], batch_size=8)
    ```

    Inputs and answers are those of `MMCoTPipeline`. Further arguments of a call: `batch_size`, `num_samples`,
    `abstain_below`, `rationale_kwargs`, `answer_kwargs`, `return_all`, `on_error`, and of the settings of `generate()`
    `max_new_tokens`, `max_length`, `min_new_tokens`, `do_sample`, `temperature`, `top_k`, `top_p`, `num_beams`,
    `length_penalty`, `early_stopping`. `seed=0` makes what is drawn the same each time. All others are refused.

    Several threads may ask at once.

    Args:
        folder: that `mmcot export --format onnx` wrote.
        threads: that work on one question; by default one for a small model, else as many as there are cores.

    Raises:
        ValueError: for a folder that is no export, or one that this engine cannot use; says what to do.
    """

    def __init__(self, folder: str | Path, threads: int | None = None):
        self.flow = StageFlow(open_export(folder), threads)
        self.words = self.flow.words
        self.stages = tuple(self.flow.export.stages)

    def __call__(self, inputs: Mapping[str, Any] | Iterable[Mapping[str, Any]] | None = None, **kwargs: Any) -> Any:
        """Answers one question, given as a mapping or as keywords, or many.

        Args:
            inputs: a mapping, a list of them, or any other iterable of them.
            kwargs: the fields of one question, and what the class says.

        Returns:
            One dictionary, a list of them in order, or for other iterables an iterator over them.

        Raises:
            ValueError: for what is no question; the message says which of many it is and what to give.
        """
        inputs, settings = self._sort(inputs, kwargs)
        if isinstance(inputs, (Mapping, str)):
            return next(self._answers([inputs], settings, many=False))
        try:
            rows = iter(inputs)
        except TypeError:
            raise ValueError(f"The input is a mapping or a list of them, not {show(inputs)}.") from None
        answers = self._answers(rows, settings, many=True)
        return list(answers) if isinstance(inputs, (list, tuple)) else answers

    def _sort(self, inputs: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """What is asked, and the settings of the call, checked."""
        example = {key: kwargs.pop(key) for key in QUESTION_KEYS if key in kwargs}
        if inputs is not None and example:
            raise ValueError(f"Both an input and {', '.join(example)} were given; put everything into the input.")
        settings = {name: value for name, value in kwargs.items() if value is not None}
        for name, reason in ONLY_TORCH.items():
            if settings.pop(name, False):
                raise ValueError(f"{name} is for the engine torch: {reason}. Leave it out, or use that engine.")
        generate_kwargs = settings.pop("generate_kwargs", {})
        check_kinds(settings, {**COUNTS, **OWN_SETTINGS})
        if not isinstance(generate_kwargs, Mapping):
            raise ValueError(f"generate_kwargs is {show(generate_kwargs)}; give a mapping of names to values.")
        check_pipeline_keywords(settings, [*WRITING_KEYWORDS, *PLAIN_KINDS, *COUNTS, *OWN_SETTINGS, *QUESTION_KEYS])
        twice = generate_kwargs.keys() & settings.keys()
        if twice:
            raise ValueError(f"{min(twice)} is given twice, by itself and in generate_kwargs; give it once.")
        return example if inputs is None else inputs, {**generate_kwargs, **settings}

    def _answers(self, rows: Iterable[Any], settings: Mapping[str, Any], many: bool) -> Iterator[dict[str, Any]]:
        """The dictionary of each question, in order."""
        samples = settings.get("num_samples", 1)
        by_stage = self._settle(settings)
        read, kept = tee(self._read_all(rows, settings, many))
        asked = (example for example in read if "error" not in example)
        written = self.flow.run(asked, by_stage, samples, settings.get("batch_size", 1))
        return (
            example if "error" in example else self._conclude(example, next(written)[1], settings) for example in kept
        )

    def _settle(self, settings: Mapping[str, Any]) -> dict[str, WritingSettings]:
        """How each stage writes."""
        samples = settings.get("num_samples", 1)
        own = {*OWN_SETTINGS, *COUNTS} - {*STAGE_SETTINGS.values()}
        writing = {name: value for name, value in settings.items() if name not in own}
        return self.flow.settle_all(settings_by_stage(writing, self.stages, samples > 1))

    def _read_all(self, rows: Iterable[Any], settings: Mapping[str, Any], many: bool) -> Iterator[dict[str, Any]]:
        """Each question, checked and with its pictures opened; or its `error`."""
        for place, row in enumerate(rows):
            try:
                example = read_for_stages(row, self.stages)
                if example["image"] and self.flow.pixels is None:
                    raise ValueError("This model has no image encoder; leave the image out.")
            except ValueError as error:
                if settings.get("on_error", "raise") == "raise":
                    raise ValueError(f"inputs[{place}]: {error}" if many else str(error)) from None
                yield {"error": str(error)}
                continue
            if settings.get("num_samples", 1) > 1:
                require_samples(self.stages, [example])
            yield example

    def _conclude(
        self, example: Mapping[str, Any], samples: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The dictionary a user gets."""
        temperature = self.flow.export.temperatures.of(example["choices"])
        spoken, answer = conclude_samples(
            self.words, samples, example["choices"], temperature, settings.get("abstain_below")
        )
        if settings.get("return_all"):
            answer |= everything_written(self.words, example, samples[spoken], self.stages)
        return answer

    def stream(self, inputs: Mapping[str, Any] | None = None, **kwargs: Any) -> Iterator[str | dict[str, Any]]:
        """Answers one question; takes what a call takes.

        Yields:
            The rationale in pieces, as stage 1 writes it, then the dictionary of the whole answer. Closing the
            iterator ends the work. Where stage 1 has nothing to write, the answer comes alone.
        """
        question, settings = self._sort(inputs, kwargs)
        by_stage = self._settle(settings)
        if RATIONALE not in self.stages or by_stage[RATIONALE].num_beams > 1 or settings.get("num_samples", 1) > 1:
            yield self(question, **settings)
            return
        example = next(self._read_all([question], settings, many=False))
        if "error" in example:
            yield example
            return
        asked = next(ask_samples([example]))
        yield from self._pieces(asked, by_stage)
        flow = iter([asked])
        for stage in in_order(self.stages):
            flow = self.flow.work(stage, by_stage).run(flow)
        yield self._conclude(example, [next(flow).written], settings)

    def _pieces(self, asked: Asked, settings: Mapping[str, WritingSettings]) -> Iterator[str]:
        """The rationale of a question while it is written; it only ever grows at its end."""
        if RATIONALE in asked.written:
            return
        work, seen = self.flow.work(RATIONALE, settings), ""
        for _ in work.steps(iter([asked])):
            written = asked.written.get(RATIONALE)
            text = written.text if written else self.words.decode(work.writer.texts[0].tokens)
            # A character may take several tokens; until the last of them it is only a mark.
            visible = self.words.parse_rationale(text) if written else self.words.visible_rationale(text)
            visible = visible.rstrip("\ufffd")
            if visible.startswith(seen) and len(visible) > len(seen):
                yield visible[len(seen) :]
                seen = visible
