"""What a model was trained on, and the licence that comes with it."""

from dataclasses import dataclass
from pathlib import Path

from ..configuration.hub_ids import is_dataset_id
from .markdown import inline


@dataclass(frozen=True)
class TrainingData:
    """What a card says of a data set.

    Args:
        title: what it is called.
        identifier: for the metadata; a Hub id where there is one.
        licence: of what is trained on it, by the Hub's name for that licence.
        licence_note: what a visitor has to know of it.
        url: where it is described.
        language: its code, if it is known.
    """

    title: str
    identifier: str
    licence: str
    licence_note: str
    url: str | None = None
    language: str | None = None

    @property
    def link(self) -> str:
        """The title as Markdown."""
        return f"[{inline(self.title)}]({self.url})" if self.url else inline(self.title)


SKETCHQA = TrainingData(
    "SketchQA",
    "sketchqa",
    "apache-2.0",
    "SketchQA, questions about drawn pictures, is made by mmcot itself and licensed Apache-2.0.",
    language="en",
)
SCIENCEQA = TrainingData(
    "ScienceQA",
    "derek-thomas/ScienceQA",
    "cc-by-nc-sa-4.0",
    "ScienceQA (Lu et al., 2022) is licensed [CC BY-NC-SA 4.0](https://creativecommons.org/licenses/by-nc-sa/4.0/), "
    "and this model comes under the same terms: credit the authors, no commercial use, share alike.",
    "https://scienceqa.github.io",
    "en",
)
AOKVQA = TrainingData(
    "A-OKVQA",
    "a-okvqa",
    "unknown",
    "The licence of A-OKVQA's questions (Schwenk et al., 2022) is not known here, only that of their code, MIT; "
    "its photographs are COCO's and belong to those who took them. Ask before you pass this model on.",
    "https://github.com/allenai/aokvqa",
    "en",
)


def describe_data(spec: str) -> TrainingData:
    """What is known of a data set by its spec.

    A copy of ScienceQA or A-OKVQA is known by its name, too: better one licence too many than one too few.
    """
    if spec.partition(":")[0] == SKETCHQA.identifier:
        return SKETCHQA
    path, plain = Path(spec).expanduser().resolve(), spec.lower().replace("-", "")
    if "scienceqa" in plain or path.name == "problems.json" or (path / "problems.json").is_file():
        return SCIENCEQA
    if "aokvqa" in plain or any(path.glob("aokvqa_*.json")):
        return AOKVQA
    if is_dataset_id(spec):
        note = f"The licence of {inline(spec)} applies to what is trained on it."
        return TrainingData(spec, spec, "other", note, f"https://huggingface.co/datasets/{spec}")
    note = "The data are the author's own; ask for their licence, which applies to what is trained on them."
    return TrainingData(f"{path.name} (the author's own data)", path.stem, "other", note)
