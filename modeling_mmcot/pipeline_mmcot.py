"""`pipeline("multimodal-cot")`: a question about a picture in, a rationale and an answer out."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from transformers import Pipeline, PreTrainedModel

from .configuration_mmcot import ANSWER, RATIONALE, in_order
from .generation_mmcot import generate_batch
from .images_mmcot import to_rgb
from .prompt_mmcot import letter
from .stages_mmcot import StageModels


EXAMPLE_KEYS = ("question", "choices", "image", "context", "hint", "caption")


class MMCoTPipeline(Pipeline):
    """Answers multiple-choice questions about pictures in two stages: rationale, then answer.

    A repository of a one-stage model works the same way, in one step.

    ```python
    pipe = pipeline("multimodal-cot", model="org/name", trust_remote_code=True)
    pipe(image="photo.png", question="What is the weather?", choices=["sunny", "rainy"])
    pipe([{"question": "...", "choices": ["...", "..."], "image": "photo.png"}, ...], batch_size=8)
    ```

    An input is a mapping with `question`, `choices`, and optionally `image` (path, URL or PIL image, or a list of
    them), `context` (or `hint`) and `caption`. Each gives a dictionary:

    - `rationale`: what stage 1 wrote, `None` from a model that only answers;
    - `answer`: letter of the chosen option; `choice`: its text; `choice_index`: its position;
    - `answer_text`: what stage 2 wrote;
    - `scores`: how probable the model finds each option, given that it is one of them; `None` from a model that writes
      rationale and answer as one text;
    - `parsed`: whether `answer_text` named an option. Where it did not, the three fields of the answer are `None`.

    Several threads may ask at once. Where the stages are adapters on one base they take turns at it.
    """

    _load_processor = True
    _load_tokenizer = False
    _load_image_processor = False
    _load_feature_extractor = False

    def __init__(self, *args, answer_model: PreTrainedModel | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        self.stages = StageModels(self.model, {} if answer_model is None else {ANSWER: answer_model})
        for stage in self.stages:
            self.stages[stage].to(self.device).eval()

    @property
    def answer_model(self) -> PreTrainedModel:
        """The model that answers; the same as `model` where one does both."""
        return self.stages[self.answer_stage]

    @property
    def answer_stage(self) -> str:
        """The stage whose text holds the answer: the last, or the only one."""
        return in_order(self.stages)[-1]

    def __call__(
        self, inputs: Mapping[str, Any] | Iterable[Mapping[str, Any]] | None = None, **kwargs
    ) -> dict[str, Any] | list[dict[str, Any]] | Iterator[dict[str, Any]]:
        """Answers one question, given as a mapping or as keywords, or many.

        Args:
            inputs: a mapping, a list of them, or any other iterable of them (a `datasets.Dataset`, a generator).
            kwargs: the fields of one question; `batch_size`; arguments of `generate` for both stages.

        Returns:
            One dictionary, a list of them in order, or for other iterables an iterator over them.
        """
        example = {key: kwargs.pop(key) for key in EXAMPLE_KEYS if key in kwargs}
        if inputs is None:
            return super().__call__(example, **kwargs)
        if example:
            raise ValueError(f"Both an input and {', '.join(example)} were given; put everything into the input.")
        if isinstance(inputs, (Mapping, str)):
            return super().__call__(inputs, **kwargs)
        if isinstance(inputs, (list, tuple)):
            return super().__call__(list(inputs), **kwargs) if inputs else []
        return super().__call__((row for row in inputs), **kwargs)

    def _sanitize_parameters(self, generate_kwargs: dict[str, Any] | None = None, **kwargs):
        return {}, {**(generate_kwargs or {}), **kwargs}, {}

    def preprocess(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Checks a question and opens its pictures. Further columns of a data set's row are left alone."""
        if not isinstance(inputs, Mapping):
            raise ValueError(f"Each input is a mapping with 'question' and 'choices', not {inputs!r}.")
        question, choices = inputs.get("question"), inputs.get("choices")
        if not question or not isinstance(question, str):
            raise ValueError("Each input needs a 'question', a text.")
        is_list = isinstance(choices, Sequence) and not isinstance(choices, str)
        if not is_list or not choices or not all(isinstance(choice, str) for choice in choices):
            raise ValueError("Each input needs 'choices', a list of options, each a text.")
        images = inputs.get("image")
        images = images if isinstance(images, (list, tuple)) else [images]
        example = {
            "question": question,
            "choices": list(choices),
            "hint": inputs.get("context") or inputs.get("hint"),
            "caption": inputs.get("caption"),
            "image": [to_rgb(image) for image in images if image is not None],
        }
        return {"example": example}

    def _forward(self, model_inputs: dict[str, Any], **generate_kwargs) -> dict[str, Any]:
        batched = isinstance(model_inputs["example"], list)
        examples = model_inputs["example"] if batched else [model_inputs["example"]]
        written = [{} for _ in examples]  # by stage, what each one's models wrote so far
        for stage in in_order(self.stages):
            texts, scores = self._generate(examples, stage, written, generate_kwargs)
            written = [{**earlier, stage: text} for earlier, text in zip(written, texts, strict=True)]
        outputs = {"example": examples, "written": written, "scores": scores}
        return outputs if batched else {name: values[0] for name, values in outputs.items()}

    def _generate(
        self,
        examples: list[dict[str, Any]],
        stage: str,
        written: Sequence[Mapping[str, str]],
        generate_kwargs: dict[str, Any],
    ) -> tuple[list[str], list[list[float] | None]]:
        """What a stage's model writes for each example, and how probable it finds each option."""
        prompts = [
            self.processor.build_prompt(example, stage, **earlier)
            for example, earlier in zip(examples, written, strict=True)
        ]
        inputs = self.processor(images=[example["image"] for example in examples], text=prompts)
        choices = [example["choices"] for example in examples]
        with self.stages.use(stage) as model:
            return generate_batch(model, self.processor, inputs, stage, choices, generate_kwargs)

    def postprocess(self, model_outputs: dict[str, Any]) -> dict[str, Any]:
        """The dictionary a user gets."""
        choices = model_outputs["example"]["choices"]
        written = model_outputs["written"]
        rationale, answer = self.processor.split_output(written[self.answer_stage], self.answer_stage)
        if RATIONALE in written:
            rationale = self.processor.parse_rationale(written[RATIONALE])
        index = self.processor.parse_answer(answer, choices)
        return {
            "rationale": rationale,
            "answer": None if index is None else letter(index),
            "choice": None if index is None else choices[index],
            "choice_index": index,
            "answer_text": answer,
            "scores": model_outputs["scores"],
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
