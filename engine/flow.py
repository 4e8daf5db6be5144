"""Questions on their way through the stages: each stage takes from the one before it what that has finished."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

import numpy as np

from ..modeling_mmcot.confidence_mmcot import Written
from ..modeling_mmcot.outcome_mmcot import build_prompt
from ..modeling_mmcot.prompt_mmcot import batches_to_read
from ..modeling_mmcot.stage_records_mmcot import RATIONALE, find_stage, in_order
from .drafts import MOST_TEXTS, Drafts, read_drafts
from .folder import TOKENIZER_FILE, ExportFolder
from .graphs import GraphFiles, ReadPrompt, StageReader, threads_for
from .option_tree import OptionTree, grow_tree, likeliest_path, read_tree
from .pixels import PixelReader
from .text_coder import TextCoder
from .texts import softmax
from .writer import Request, Writer, written_log_probability
from .writing_settings import WritingSettings, require_known_settings, settle


# Batches of questions that are sorted by length together; more make no batch shorter that counts.
BATCHES_AHEAD = 8


@dataclass
class Asked:
    """A question on its way.

    Args:
        place: among the questions.
        sample: which of its rationales.
        example: see [`read_question`].
        written: what the stages have written for it so far.
        features: of its pictures, by the graph that gave them; all samples of a question have them together.
    """

    place: int
    sample: int
    example: Mapping[str, Any]
    written: dict[str, Written]
    features: dict[Any, list[np.ndarray]] = field(default_factory=dict)


class StageFlow:
    """All stages of an export at work.

    Args:
        export: what it says of itself.
        threads: that work on one graph; by default what [`threads_for`] finds best.

    Raises:
        ValueError: for an export that this engine cannot use; says what to do.
    """

    def __init__(self, export: ExportFolder, threads: int | None = None):
        for stage in export.stages.values():
            require_known_settings(stage.generation)
        self.export = export
        self.words = TextCoder(export.folder / TOKENIZER_FILE, **export.words)
        self.pixels = PixelReader(export.image["class"], export.image["settings"]) if export.image else None
        self.files = GraphFiles(threads or threads_for(export.folder))
        self.draft_texts = read_drafts(export.folder)
        self._drafts: dict[str, Drafts | None] = {}
        self.trees: dict[tuple[str, int], OptionTree] = {}  # by stage and number of options
        self.readers = {
            name: StageReader(stage, self.files, export.feature_size) for name, stage in export.stages.items()
        }

    def settle_all(self, settings: Mapping[str, Mapping[str, Any]]) -> dict[str, WritingSettings]:
        """What a call and the models say together of how each stage writes, see [`settle`]."""
        return {name: settle(stage.generation, settings[name]) for name, stage in self.export.stages.items()}

    def run(
        self,
        examples: Iterable[Mapping[str, Any]],
        settings: Mapping[str, WritingSettings],
        samples: int = 1,
        batch_size: int = 1,
    ) -> Iterator[tuple[int, list[dict[str, Written]]]]:
        """What each stage writes for each question.

        Args:
            examples: see [`read_question`]; a `rationale` in one is read instead of what stage 1 would write.
            settings: how each stage writes.
            samples: rationales of each question.
            batch_size: texts that are written together.

        Yields:
            Place of a question and what was written for it, in order.
        """
        flow = ask_samples(examples, samples)
        for stage in in_order(self.export.stages):
            flow = self.work(stage, settings, batch_size).run(flow)
        waiting: dict[int, list[Asked]] = {}
        following = 0
        for asked in flow:
            waiting.setdefault(asked.place, []).append(asked)
            while len(waiting.get(following, [])) == samples:
                done = sorted(waiting.pop(following), key=lambda each: each.sample)
                yield following, [each.written for each in done]
                following += 1

    def drafts(self, stage: str) -> Drafts | None:
        """Guesses of what a stage writes."""
        if stage not in self._drafts:
            start, texts = self.export.stages[stage].start, self.draft_texts.get(stage)
            rows = self.words.encode_targets(texts) if texts else []
            self._drafts[stage] = Drafts([start, *ids] for ids in rows) if rows else None
        return self._drafts[stage]

    def work(self, stage: str, settings: Mapping[str, WritingSettings], batch_size: int = 1) -> "StageWork":
        """A stage at work; see [`~StageFlow.run`] for the arguments."""
        return StageWork(self, stage, settings[stage], batch_size)


def ask_samples(examples: Iterable[Mapping[str, Any]], samples: int = 1) -> Iterator[Asked]:
    """Questions at the beginning of their way, each so many times."""
    for place, example in enumerate(examples):
        given = example.get(RATIONALE)
        features: dict[Any, list[np.ndarray]] = {}
        for sample in range(samples):
            yield Asked(place, sample, example, {} if given is None else {RATIONALE: Written(given)}, features)


class StageWork:
    """A stage at work for one call.

    Args:
        flow: all stages.
        name: of the stage.
        settings: how it writes.
        batch_size: texts that it writes together.
    """

    def __init__(self, flow: StageFlow, name: str, settings: WritingSettings, batch_size: int):
        self.flow = flow
        self.name = name
        self.stage = flow.export.stages[name]
        self.reader = flow.readers[name]
        self.settings = settings
        self.batch_size = batch_size
        self.only_answers = find_stage(name).only_answers
        is_drafted = batch_size <= MOST_TEXTS and settings.num_beams == 1 and not settings.do_sample
        self.writer = Writer(self.stage, flow.files, settings, batch_size, flow.drafts(name) if is_drafted else None)
        # Most answers are one of the options, which are read together: there is little to write, and none to sort.
        self.ahead = batch_size if self.only_answers or batch_size == 1 else BATCHES_AHEAD * batch_size

    def run(self, flow: Iterator[Asked]) -> Iterator[Asked]:
        """Lets questions through, each with what the stage wrote, as they are finished."""
        return chain.from_iterable(self.steps(flow))

    def steps(self, flow: Iterator[Asked]) -> Iterator[list[Asked]]:
        """The same token by token: after each step the questions that it finished, often none."""
        while window := list(islice(flow, self.ahead)):
            done: list[Asked] = []
            for finished in self.writer.write(self._requests(window, flow, done)):
                done += [self._note(text) for text in finished]
                yield done.copy()
                done.clear()
            yield done

    def _requests(self, window: list[Asked], flow: Iterator[Asked], done: list[Asked]) -> Iterator[Request]:
        """What is to be written for questions, and for those that follow them.

        It ends with the last of them, or before, where there is nothing to write: then questions need not wait.

        Args:
            window: the next questions.
            flow: those after them.
            done: gets those that have their text already.
        """
        while window:
            has_written = False
            done += [asked for asked in window if self.name in asked.written]
            for batch in self._read([asked for asked in window if self.name not in asked.written]):
                scores = self._score(batch) if self.only_answers else [None] * len(batch)
                for (alike, prompt), own_scores in zip(batch, scores, strict=True):
                    done += [asked for asked in alike if self.name in asked.written]
                    for asked in (asked for asked in alike if self.name not in asked.written):
                        has_written = True
                        seed = None if self.settings.seed is None else (self.settings.seed, asked.sample)
                        yield Request((asked, own_scores), prompt, seed)
            window = list(islice(flow, self.ahead)) if has_written else []

    def _note(self, text: Any) -> Asked:
        """Hands a question the text that was written for it."""
        asked, scores = text.key
        log_probability = None if scores else written_log_probability(text, self.stage.padding)
        asked.written[self.name] = Written(self.flow.words.decode(text.tokens), scores, log_probability)
        return asked

    def _read(self, window: list[Asked]) -> Iterator[list[tuple[list[Asked], ReadPrompt]]]:
        """Reads the prompts of questions, the longest first, in batches; samples with the same prompt read it once."""
        prompts = [build_prompt(self.flow.words, asked.example, self.name, asked.written) for asked in window]
        rows = self.flow.words.encode_prompts(prompts)
        alike: dict[tuple[int, str], list[int]] = {}
        for position, asked in enumerate(window):
            alike.setdefault((asked.place, prompts[position]), []).append(position)
        groups = sorted(alike.values(), key=lambda group: -len(rows[group[0]]))
        for together in batches_to_read([len(rows[group[0]]) for group in groups], self.batch_size):
            batch = groups[together]
            features = self._look([window[group[0]] for group in batch])
            read = self.reader.read([rows[group[0]] for group in batch], features)
            yield [([window[place] for place in group], prompt) for group, prompt in zip(batch, read, strict=True)]

    def _look(self, batch: list[Asked]) -> list[list[np.ndarray]]:
        """Features of the pictures of each question; what an earlier stage has seen is not looked at again."""
        tower, pixels = self.reader.tower, self.flow.pixels
        if tower is None or pixels is None:
            return [[] for _ in batch]
        new = [asked for asked in batch if tower not in asked.features]
        seen = iter(self.reader.look([pixels(image) for asked in new for image in asked.example["image"]]))
        for asked in new:
            asked.features[tower] = list(islice(seen, len(asked.example["image"])))
        return [asked.features[tower] for asked in batch]

    def _score(self, batch: list[tuple[list[Asked], ReadPrompt]]) -> list[list[float] | None]:
        """How probable each option of each question is; where the likeliest text is one of them, hands that out."""
        counts = [len(alike[0].example["choices"]) for alike, _ in batch]
        if not any(counts):
            return [None] * len(batch)
        tree = self._tree(max(counts))
        settings, scores = self.settings, []
        is_greedy = settings.num_beams == 1 and not (settings.do_sample or settings.min_new_tokens)
        read = read_tree(tree, self.stage, self.flow.files, [prompt for _, prompt in batch])
        for (alike, _), count, (logs, best) in zip(batch, counts, read, strict=True):
            scores.append(softmax(logs[:count]).tolist() if count else None)
            path = likeliest_path(tree, best, self.stage.ends, settings.max_new_tokens) if is_greedy else None
            if count and path is not None:
                for asked in alike:
                    asked.written[self.name] = Written(self.flow.words.decode(path), scores[-1])
        return scores

    def _tree(self, options: int) -> OptionTree:
        """The texts of so many options."""
        words, trees = self.flow.words, self.flow.trees
        if (self.name, options) not in trees:
            targets = words.encode_targets(words.option_targets(options, self.name))
            trees[self.name, options] = grow_tree(self.stage.start, targets)
        return trees[self.name, options]
