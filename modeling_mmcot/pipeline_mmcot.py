"""`pipeline("multimodal-cot")`: a question about a picture in, a rationale and an answer out."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from torch.utils.data import DataLoader
from transformers import Pipeline
from transformers.pipelines.base import no_collate_fn
from transformers.pipelines.pt_utils import PipelineDataset, PipelineIterator
from transformers.utils import logging

from .allowed_mmcot import COUNTS, OWN_SETTINGS, STAGE_SETTINGS, check_kinds
from .answering_mmcot import write_stages
from .configuration_mmcot import require_mmcot
from .explanation_mmcot import explain_answer
from .images_mmcot import show
from .outcome_mmcot import (
    conclude_samples,
    everything_written,
    read_for_stages,
    require_samples,
    settings_by_stage,
)
from .processing_mmcot import MMCoTProcessor
from .questions_mmcot import QUESTION_KEYS, check_pipeline_keywords
from .settings_mmcot import GENERATE_KEYWORDS
from .stage_records_mmcot import ANSWER, RATIONALE, in_order
from .stages_mmcot import StageModels
from .streaming_mmcot import stream_pieces


if TYPE_CHECKING:
    from .modeling_mmcot import MMCoTForConditionalGeneration


LONG_LIST = 20  # questions


@dataclass
class Row:
    """One of many inputs, which messages name by its place."""

    position: int
    value: Any


class MMCoTPipeline(Pipeline):
    """Answers questions about pictures, with options or without, in two stages: rationale, then answer.

    A repository of a one-stage model works the same way, in one step.

    ```python
    pipe = pipeline("multimodal-cot", model="org/name", trust_remote_code=True)
    pipe(image="photo.png", question="What is the weather?", choices=["sunny", "rainy"])
    pipe([{"question": "...", "choices": ["...", "..."], "image": "photo.png"}, ...], batch_size=8)
    ```

    An input is a mapping with `question`, and optionally `choices`, `image` (whatever [`to_rgb`] reads, or a list of
    it), `context` (or `hint`) and `caption`. A `rationale` in it is read instead of one that stage 1 writes: take the
    model's own, change it, and ask again. `None` and NaN stand for what is not there. Each gives a dictionary:

    - `rationale`: what stage 1 wrote, or the input's own; `None` from a model that only answers;
    - `answer`: letter of the chosen option; `choice`: its text; `choice_index`: its position. Without options `answer`
      is the answer in words, and the other two are `None`;
    - `answer_text`: what stage 2 wrote;
    - `scores`: how probable the model finds each option, given this rationale and that it is one of them; `None` where
      there are no options, and from a model that writes rationale and answer as one text;
    - `confidence`: how probable it is that the answer is right. It counts how sure the model was of its rationale,
      too, which `scores` do not, and is brought to scale on examples that were not learned. `None` from a model for
      which that was not done, for a rationale of the caller's, and where there is no answer;
    - `parsed`: whether `answer_text` named an option, or where there are none gave an answer in words. Where it did
      not, the three fields of the answer are `None`. A model that has only learned to choose among options gives none.
    - `reason`: why there is no answer; `None` where there is one.

    Further arguments of a call:

    - `num_samples=8` averages `scores` over eight rationales that the model draws. The answer is the option with the
      best mean, `agreement` the share of the rationales that lead to it, and `rationale` the most probable of those.
      Without options the answer is what most of them lead to; answers that differ in case, articles, marks or the way
      a number is written are one.
    - `abstain_below=0.5` gives no answer that has a lower confidence.
    - `rationale_kwargs`, `answer_kwargs`: arguments of `generate` for one stage.
    - `return_all=True` adds `prompts` and `texts`, by stage.
    - `explain=True` adds `explanation`, an [`Explanation`]: for each word of the rationale and each option, or word of
      the answer, how far it falls while a place of a picture is hidden. It costs some 80 more readings for each
      picture, and as many answers.
    - `on_error="return"` puts `{"error": "..."}` in the place of a question that cannot be asked.

    Several threads may ask at once. Where the stages are adapters on one base they take turns at it.
    """

    model: "MMCoTForConditionalGeneration"
    processor: MMCoTProcessor

    # The library's base class says `None` of these and takes looser arguments than a pipeline of its own needs.
    _load_processor = None  # where the library finds none, here is a message that says what to do
    _load_tokenizer = False  # type: ignore[assignment]
    _load_image_processor = False  # type: ignore[assignment]
    _load_feature_extractor = False  # type: ignore[assignment]

    def __init__(
        self,
        model: "MMCoTForConditionalGeneration",
        *,
        processor: MMCoTProcessor | None = None,
        answer_model: "MMCoTForConditionalGeneration | None" = None,
        **kwargs,
    ):
        require_mmcot(model.name_or_path or "The model", model.config.model_type)
        super().__init__(model, processor=processor or processor_of(model), **kwargs)
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
    ) -> Any:
        """Answers one question, given as a mapping or as keywords, or many.

        Args:
            inputs: a mapping, a list of them, or any other iterable of them (a `datasets.Dataset`, a generator).
            kwargs: the fields of one question; `batch_size`; `num_workers`, processes that read the questions of a
                list; arguments of `generate` for both stages; and what the class says of `num_samples` and the others.

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
        # An iterator cannot be handed to other processes.
        return super().__call__(rows, **{**kwargs, "num_workers": 0})

    def get_iterator(  # type: ignore[override]
        self, inputs, num_workers, batch_size, preprocess_params, forward_params, postprocess_params
    ):
        """The library's, with a collation that can be handed to processes which do not start as copies of this one.

        Somebody at a terminal sees how far a long list is.
        """
        kind: Any = PipelineDataset if isinstance(inputs, list) else PipelineIterator
        rows = kind(inputs, self.preprocess, preprocess_params)
        collate = no_collate_fn if batch_size == 1 else gather
        loader = DataLoader(rows, num_workers=num_workers, batch_size=batch_size, collate_fn=collate)
        answered = PipelineIterator(loader, self.forward, forward_params, loader_batch_size=batch_size)
        answers = PipelineIterator(answered, self.postprocess, postprocess_params)
        if not isinstance(inputs, list) or len(inputs) < LONG_LIST:
            return answers
        return logging.tqdm(answers, desc="answering", total=len(inputs), unit="question", disable=None, leave=False)

    def stream(self, inputs: Mapping[str, Any] | None = None, **kwargs) -> Iterator[str | dict[str, Any]]:
        """Answers one question; takes what a call takes.

        Yields:
            The rationale in pieces, as stage 1 writes it, then the dictionary of the whole answer. Closing the
            iterator ends the work. Where stage 1 has nothing to write, the answer comes alone.
        """
        if RATIONALE not in self.stages:
            yield self(inputs, **kwargs)
            return
        check_kinds(kwargs, OWN_SETTINGS)
        settings = kwargs.pop("rationale_kwargs", None) or {}

        def ask(streaming: dict[str, Any]) -> dict[str, Any]:
            return self(inputs, rationale_kwargs={**settings, **streaming}, **kwargs)

        yield from stream_pieces(ask, self.processor.tokenizer, self.processor.visible_rationale)

    def _sanitize_parameters(self, generate_kwargs: dict[str, Any] | None = None, **kwargs):
        own = {name: kwargs.pop(name) for name in OWN_SETTINGS if name in kwargs}
        own = {name: value for name, value in own.items() if value is not None}
        check_kinds(own, OWN_SETTINGS)
        generate_kwargs = {} if generate_kwargs is None else generate_kwargs
        if not isinstance(generate_kwargs, Mapping):
            raise ValueError(f"generate_kwargs is {show(generate_kwargs)}; give a mapping of names to values.")
        of_stages = [name for stage in STAGE_SETTINGS.values() for name in own.get(stage, {})]
        check_pipeline_keywords([*generate_kwargs, *of_stages], GENERATE_KEYWORDS)
        check_pipeline_keywords(kwargs, [*GENERATE_KEYWORDS, *OWN_SETTINGS, *QUESTION_KEYS])
        twice = generate_kwargs.keys() & kwargs.keys()
        if twice:
            raise ValueError(f"{min(twice)} is given twice, by itself and in generate_kwargs; give it once.")
        forward, after = (
            {name: own[name] for name in names if name in own}
            for names in (
                ["on_error", "num_samples", *STAGE_SETTINGS.values()],
                ["abstain_below", "return_all", "explain"],
            )
        )
        return {}, {**generate_kwargs, **kwargs, **forward}, after

    def preprocess(self, inputs: Mapping[str, Any] | Row) -> dict[str, Any]:  # type: ignore[override]
        """Checks a question and opens its pictures. Further columns of a data set's row are left alone."""
        try:
            return {"example": read_for_stages(inputs.value if isinstance(inputs, Row) else inputs, self.stages)}
        except ValueError as error:
            # Not raised here: from a worker process it would come with the traceback of the worker in its text.
            place = f"inputs[{inputs.position}]: " if isinstance(inputs, Row) else ""
            return {"example": {"error": str(error), "place": place}}

    def _forward(  # type: ignore[override]
        self, model_inputs: dict[str, Any], num_samples: int = 1, on_error: str = "raise", **settings
    ) -> dict[str, Any]:
        batched = isinstance(model_inputs["example"], list)
        examples = model_inputs["example"] if batched else [model_inputs["example"]]
        for example in examples:
            if "error" in example and on_error == "raise":
                raise ValueError(example["place"] + example["error"])
        asked = [example for example in examples if "error" not in example]
        if num_samples > 1:
            require_samples(self.stages, asked)
        copies = [example for example in asked for _ in range(num_samples)]
        by_stage = settings_by_stage(settings, self.stages, num_samples > 1)
        written = iter(write_stages(self.stages, self.processor, copies, by_stage) if copies else [])
        samples = [[] if "error" in example else list(islice(written, num_samples)) for example in examples]
        answers = {"example": examples, "samples": samples}
        return answers if batched else {name: values[0] for name, values in answers.items()}

    def postprocess(  # type: ignore[override]
        self,
        model_outputs: dict[str, Any],
        abstain_below: float | None = None,
        return_all: bool = False,
        explain: bool = False,
    ) -> dict[str, Any]:
        """The dictionary a user gets."""
        example, samples = model_outputs["example"], model_outputs["samples"]
        if "error" in example:
            return {"error": example["error"]}
        choices = example["choices"]
        temperature = self.model.config.temperatures.of(choices)
        spoken, answer = conclude_samples(self.processor, samples, choices, temperature, abstain_below)
        written = samples[spoken]
        if return_all:
            answer |= everything_written(self.processor, example, written, self.stages)
        if explain:
            answer["explanation"] = explain_answer(self.stages, self.processor, example, written)
        return answer

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


def gather(items: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Many items as one."""
    return {name: [item[name] for item in items] for name in items[0]}


def processor_of(model: "MMCoTForConditionalGeneration") -> MMCoTProcessor:
    """The processor of where a model was loaded from."""
    where = dict(model.origin)
    name = where.pop("pretrained_model_name_or_path", None)
    if name is None:
        raise ValueError("The model has no processor, for it was not loaded; give the pipeline one, processor=...")
    return MMCoTProcessor.from_pretrained(name, **where)
