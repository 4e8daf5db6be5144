"""A trained system that is asked the same problems in many ways, and nothing twice."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets

from ..data.examples import IMAGE_HASHES
from ..inference.features import FeatureCache
from ..inference.generation import build_prompts, generate_texts, prediction_rows, visible
from ..inference.image_hashes import replace_images_by_hashes
from ..modeling_mmcot import MMCoTForConditionalGeneration, MMCoTProcessor
from ..modeling_mmcot.confidence_mmcot import Written
from ..modeling_mmcot.stage_records_mmcot import RATIONALE, STAGES, in_order


# A prompt, and the hashes of the images beside it.
Question = tuple[str, tuple[str, ...]]


class AskedOnce:
    """A system's stages, which remember what they wrote for a prompt and its images.

    Args:
        models: by stage, see [`predict`].
        processor: of all of them.
        features: by stage, caches of what frozen towers say of images.
        folder: where features are kept meanwhile of towers that have no such cache.
        options: see [`generate_texts`].
    """

    def __init__(
        self,
        models: Mapping[str, MMCoTForConditionalGeneration],
        processor: MMCoTProcessor,
        features: Mapping[str, FeatureCache] | None,
        folder: str,
        **options,
    ):
        self.models = models
        self.processor = processor
        self.options = options
        self.stages = in_order(models)
        self.features = dict(features or {})
        for stage, model in models.items():
            if stage not in self.features and model.vision_tower is not None:
                own = Path(folder, stage)
                own.mkdir()
                self.features[stage] = FeatureCache(own, model, processor)
        self.written: dict[str, dict[Question, str]] = {stage: {} for stage in models}
        self.asked: Counter[str] = Counter()
        self.generated: Counter[str] = Counter()

    def look(self, dataset: datasets.Dataset) -> datasets.Dataset:
        """The data set as the other methods take it: its images are looked at once and then go by their hashes."""
        for cache in self.features.values():
            cache.fill(dataset, progress=False)
        return visible(replace_images_by_hashes(dataset))

    def remember(self, dataset: datasets.Dataset, predictions: Sequence[Mapping[str, Any]]) -> None:
        """Takes in what the system has written before: predictions of its own for some of the examples."""
        rows = {str(row["id"]): row for row in predictions}
        known = [place for place, name in enumerate(dataset["id"]) if rows.get(str(name), {}).get("answer_text")]
        part = dataset.select(known)
        found = [rows[str(name)] for name in part["id"]]
        rationales = [row.get("rationale") or "" for row in found]
        last = STAGES[self.stages[-1]]
        texts = {
            last.name: [
                last.target.format(rationale=text, answer=row["answer_text"])
                for row, text in zip(found, rationales, strict=True)
            ]
        }
        if RATIONALE in self.stages[:-1]:
            texts[RATIONALE] = rationales
        for stage, written in texts.items():
            self.written[stage].update(zip(self._questions(part, stage, texts), written, strict=True))

    def answer(
        self, views: Mapping[str, datasets.Dataset], rationales: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        """Answers every example, see [`predict`]; without scores of the options, which no ablation needs.

        Args:
            views: by stage, the examples with the images that it sees, see [`look`].
            rationales: what the answer stage reads, one for each example, instead of what the rationale stage writes.
        """
        written = {} if rationales is None else {RATIONALE: list(rationales)}
        for stage in self.stages:
            if stage not in written:
                written[stage] = self._write(views[stage], stage, written)
        texts = {stage: [Written(text) for text in written[stage]] for stage in written}
        return prediction_rows(views[self.stages[-1]], self.processor, texts)

    def _write(self, dataset: datasets.Dataset, stage: str, earlier: Mapping[str, Sequence[str]]) -> list[str]:
        """What a stage writes for each example; only what is not known is generated."""
        questions, known = self._questions(dataset, stage, earlier), self.written[stage]
        places = sorted(
            {question: place for place, question in enumerate(questions) if question not in known}.values()
        )
        self.asked[stage] += len(questions)
        self.generated[stage] += len(places)
        if places:
            read = {name: [texts[place] for place in places] for name, texts in earlier.items()}
            made = generate_texts(
                self.models[stage],
                self.processor,
                dataset.select(places),
                stage,
                read,
                self.features.get(stage),
                scored=False,
                **self.options,
            )
            known.update((questions[place], each.text) for place, each in zip(places, made, strict=True))
        return [known[question] for question in questions]

    def _questions(
        self, dataset: datasets.Dataset, stage: str, earlier: Mapping[str, Sequence[str]]
    ) -> list[Question]:
        """What a stage reads and sees of each example."""
        read = {name: texts for name, texts in earlier.items() if name in STAGES[stage].reads}
        prompts = build_prompts(self.processor, dataset, stage, read)
        seen = dataset[IMAGE_HASHES] if stage in self.features else [[]] * len(dataset)
        return [(str(prompt), tuple(hashes)) for prompt, hashes in zip(prompts, seen, strict=True)]
