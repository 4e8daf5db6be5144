"""`pipeline("multimodal-cot")`: a question about a picture in, a rationale and an answer out."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from transformers import Pipeline

from .confidence_mmcot import Written, calibrated, log_confidence
from .configuration_mmcot import ANSWER, RATIONALE, find_stage, in_order
from .generation_mmcot import generate_batch
from .images_mmcot import show
from .prompt_mmcot import letter
from .questions_mmcot import QUESTION_KEYS, check_pipeline_keywords, read_question
from .settings_mmcot import COUNTS, GENERATE_KEYWORDS, check_kinds
from .stages_mmcot import StageModels


if TYPE_CHECKING:
    from .modeling_mmcot import MMCoTForConditionalGeneration
    from .processing_mmcot import MMCoTProcessor


@dataclass
class Row:
    """One of many inputs, which messages name by its place."""

    position: int
    value: Any


class MMCoTPipeline(Pipeline):
    """Answers multiple-choice questions about pictures in two stages: rationale, then answer.

    A repository of a one-stage model works the same way, in one step.

    ```python
    pipe = pipeline("multimodal-cot", model="org/name", trust_remote_code=True)
    pipe(image="photo.png", question="What is the weather?", choices=["sunny", "rainy"])
    pipe([{"question": "...", "choices": ["...", "..."], "image": "photo.png"}, ...], batch_size=8)
    ```

    An input is a mapping with `question`, `choices`, and optionally `image` (whatever [`to_rgb`] reads, or a list of
    it), `context` (or `hint`) and `caption`. A `rationale` in it is read instead of one that stage 1 writes: take the
    model's own, change it, and ask again. `None` and NaN stand for what is not there. Each gives a dictionary:

    - `rationale`: what stage 1 wrote, or the input's own; `None` from a model that only answers;
    - `answer`: letter of the chosen option; `choice`: its text; `choice_index`: its position;
    - `answer_text`: what stage 2 wrote;
    - `scores`: how probable the model finds each option, given this rationale and that it is one of them; `None` from
      a model that writes rationale and answer as one text;
    - `confidence`: how probable it is that the answer is right. It counts how sure the model was of its rationale,
      too, which `scores` do not, and is brought to scale on examples that were not learned. `None` from a model for
      which that was not done, for a rationale of the caller's, and where there is no answer;
    - `parsed`: whether `answer_text` named an option. Where it did not, the three fields of the answer are `None`.

    Several threads may ask at once. Where the stages are adapters on one base they take turns at it.
    """

    model: "MMCoTForConditionalGeneration"
    processor: "MMCoTProcessor"

    # The library's base class says `None` of these and takes looser arguments than a pipeline of its own needs.
    _load_processor = True  # type: ignore[assignment]
    _load_tokenizer = False  # type: ignore[assignment]
    _load_image_processor = False  # type: ignore[assignment]
    _load_feature_extractor = False  # type: ignore[assignment]

    def __init__(self, *args, answer_model: "MMCoTForConditionalGeneration | None" = None, **kwargs):
        super().__init__(*args, **kwargs)
        self.stages = StageModels(self.model, {} if answer_model is None else {ANSWER: answer_model})
        for stage in self.stages:
            self.stages[stage].to(self.device).eval()

    @property
    def answer_model(self) -> "MMCoTForConditionalGeneration":
        """The model that answers; the same as `model` where one does both."""
        return self.stages[self.answer_stage]

    @property
    def answer_stage(self) -> str:
        """The stage whose text holds the answer: the last, or the only one."""
        return in_order(self.stages)[-1]

    def __call__(  # type: ignore[override]
        self, inputs: Mapping[str, Any] | Iterable[Mapping[str, Any]] | None = None, **kwargs
    ) -> dict[str, Any] | list[dict[str, Any]] | Iterator[dict[str, Any]]:
        """Answers one question, given as a mapping or as keywords, or many.

        Args:
            inputs: a mapping, a list of them, or any other iterable of them (a `datasets.Dataset`, a generator).
            kwargs: the fields of one question; `batch_size`; arguments of `generate` for both stages.

        Returns:
            One dictionary, a list of them in order, or for other iterables an iterator over them.

        Raises:
            ValueError: for what is no question; the message says which of many it is and what to give.
        """
        example = {key: kwargs.pop(key) for key in QUESTION_KEYS if key in kwargs}
        check_kinds(kwargs, COUNTS)
        if inputs is None:
            return super().__call__(example, **kwargs)
        if example:
            raise ValueError(f"Both an input and {', '.join(example)} were given; put everything into the input.")
        if isinstance(inputs, (Mapping, str)):
            return super().__call__(inputs, **kwargs)
        try:
            rows = (Row(position, row) for position, row in enumerate(inputs))
        except TypeError:
            raise ValueError(f"The input is a mapping or a list of them, not {show(inputs)}.") from None
        if isinstance(inputs, (list, tuple)):
            return super().__call__(list(rows), **kwargs) if inputs else []
        return super().__call__(rows, **kwargs)

    def _sanitize_parameters(self, generate_kwargs: dict[str, Any] | None = None, **kwargs):
        generate_kwargs = {} if generate_kwargs is None else generate_kwargs
        if not isinstance(generate_kwargs, Mapping):
            raise ValueError(f"generate_kwargs is {show(generate_kwargs)}; give a mapping of names to values.")
        check_pipeline_keywords([*generate_kwargs, *kwargs], [*GENERATE_KEYWORDS, *QUESTION_KEYS])
        twice = generate_kwargs.keys() & kwargs.keys()
        if twice:
            raise ValueError(f"{min(twice)} is given twice, by itself and in generate_kwargs; give it once.")
        return {}, {**generate_kwargs, **kwargs}, {}

    def preprocess(self, inputs: Mapping[str, Any] | Row) -> dict[str, Any]:  # type: ignore[override]
        """Checks a question and opens its pictures. Further columns of a data set's row are left alone."""
        if not isinstance(inputs, Row):
            return {"example": self._read(inputs)}
        try:
            return {"example": self._read(inputs.value)}
        except ValueError as error:
            raise ValueError(f"inputs[{inputs.position}]: {error}") from None

    def _read(self, row: Any) -> dict[str, Any]:
        """A question with all that the stages of this model need."""
        example = read_question(row)
        needed = {earlier for stage in self.stages for earlier in find_stage(stage).reads}
        if example["rationale"] is not None and RATIONALE not in needed:
            raise ValueError("This model reads no 'rationale'; leave it out.")
        if example["rationale"] is None and needed - self.stages.keys():
            raise ValueError(
                "This model answers from a rationale, but the one that writes it is not there: give a 'rationale', or "
                "load a folder with both stages."
            )
        return example

    def _forward(self, model_inputs: dict[str, Any], **generate_kwargs) -> dict[str, Any]:  # type: ignore[override]
        batched = isinstance(model_inputs["example"], list)
        examples = model_inputs["example"] if batched else [model_inputs["example"]]
        # By stage, what was written so far for each.
        written: list[dict[str, Written]] = [
            {} if example["rationale"] is None else {RATIONALE: Written(example["rationale"])} for example in examples
        ]
        for stage in in_order(self.stages):
            rows = [row for row, texts in enumerate(written) if stage not in texts]
            if not rows:
                continue
            outputs = self._generate(
                [examples[row] for row in rows], stage, [written[row] for row in rows], generate_kwargs
            )
            for row, output in zip(rows, outputs, strict=True):
                written[row][stage] = output
        answers = {"example": examples, "written": written}
        return answers if batched else {name: values[0] for name, values in answers.items()}

    def _generate(
        self,
        examples: list[dict[str, Any]],
        stage: str,
        written: Sequence[Mapping[str, Written]],
        generate_kwargs: dict[str, Any],
    ) -> list[Written]:
        """What a stage's model writes for each example, after what earlier stages wrote."""
        prompts = []
        for example, earlier in zip(examples, written, strict=True):
            texts = {name: each.text for name, each in earlier.items()}
            prompts.append(self.processor.build_prompt(example, stage, **texts))
        inputs = self.processor(images=[example["image"] for example in examples], text=prompts)
        choices = [example["choices"] for example in examples]
        with self.stages.use(stage) as model:
            return generate_batch(model, self.processor, inputs, stage, choices, generate_kwargs)

    def postprocess(self, model_outputs: dict[str, Any]) -> dict[str, Any]:  # type: ignore[override]
        """The dictionary a user gets."""
        choices = model_outputs["example"]["choices"]
        written = model_outputs["written"]
        last = written[self.answer_stage]
        rationale, answer = self.processor.split_output(last.text, self.answer_stage)
        if RATIONALE in written:
            rationale = self.processor.parse_rationale(written[RATIONALE].text)
        index = self.processor.parse_answer(answer, choices)
        temperature = self.model.config.confidence_temperature
        return {
            "rationale": rationale,
            "answer": None if index is None else letter(index),
            "choice": None if index is None else choices[index],
            "choice_index": index,
            "answer_text": answer,
            "scores": last.scores,
            "confidence": calibrated(log_confidence(written.values(), index), temperature),
            "parsed": index is not None,
        }

    def save_pretrained(self, save_directory: str | os.PathLike, **kwargs) -> None:
        """Saves a whole repository: both stages, the processor and the code.

        Raises:
            ValueError: for a base with adapters, of which the library saves only the adapter in use.
        """
        if self.stages.has_adapters:
            raise ValueError(
                f"The stages are adapters on one base. Copy the folder {self.model.name_or_path}, or train with "
                "lora.merge: true to have whole models."
            )
        stages = self.model.config.stages
        if self.answer_model is not self.model and stages[ANSWER] == stages[RATIONALE]:
            # Two models that were put together by hand: the second must not overwrite the first.
            self.model.config.stages = {**stages, ANSWER: ANSWER}
        self.model.save_pretrained(save_directory, **kwargs)
        self.processor.save_pretrained(save_directory)
        if self.answer_model is not self.model:
            folder = self.model.config.stages[ANSWER]
            self.answer_model.save_pretrained(os.path.join(save_directory, folder), **kwargs)
