"""What all rows of a data set say together, before any is checked: which columns there are, and of what kind."""

from dataclasses import dataclass, field

from ..modeling_mmcot.free_answers_mmcot import ACCEPTED_ANSWERS
from ..modeling_mmcot.prompt_mmcot import HALF_CHARACTER
from .answers import has_options
from .examples import ADDED_COLUMNS, CAPTION, COLUMNS
from .images import list_images
from .reader import Reader
from .rows import RawRow, is_scalar, readable


@dataclass
class Survey:
    """What a first, quick reading says about all rows together; the schema depends on it.

    Args:
        rows: how many there are, bad ones included.
        texts, others: columns with texts or numbers, and those that hold anything else. The caption, which the model
            reads, must be a text.
        several_images: whether a row has more than one.
        captioned: whether a row has a caption.
        without_options: whether a row has no options, but a cell for them.
    """

    rows: int = 0
    texts: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)
    several_images: bool = False
    captioned: bool = False
    without_options: bool = False

    def add(self, row: RawRow) -> None:
        """Takes note of a row."""
        for name, value in row.values.items():
            (self.texts if is_scalar(value) or name == CAPTION else self.others).add(name)
        self.several_images |= len(list_images(row)) > 1
        self.captioned |= bool(row.values.get(CAPTION))
        self.without_options |= "choices" in row.values and not has_options(row)

    @property
    def further(self) -> list[str]:
        """The columns beyond the schema's that go along as texts: those whose name is a text, too."""
        names = self.texts - self.others - {*COLUMNS, ACCEPTED_ANSWERS, "split"}
        return sorted(name for name in names if name and "\0" not in name and not HALF_CHARACTER.search(name))


def take_survey(reader: Reader) -> Survey:
    """Reads all rows once.

    Raises:
        ValueError: where there are none, and where a rename or the captions belong to none of them.
    """
    survey = Survey()
    for row in reader.rows():
        survey.rows += 1
        if isinstance(row, RawRow):
            survey.add(row)
    name = reader.source.name
    if not survey.rows:
        raise ValueError(f"{name} is empty: it holds no rows.")
    reserved = [column for column in survey.further if column in ADDED_COLUMNS]
    if reserved:
        raise ValueError(
            f"{name} has a column {reserved[0]!r}, which is a name that this package gives; rename it, on the command "
            f"line with --columns {reserved[0]}=my_{reserved[0]}, in a recipe with data.columns."
        )
    absent = [column for column in reader.columns if column not in reader.names]
    if absent:
        columns = readable(", ".join(sorted(reader.names)))
        raise ValueError(f"data.columns renames {absent[0]!r}, which {name} does not have; its columns are {columns}.")
    if reader.captions is not None and not survey.captioned:
        raise ValueError(f"data.captions: no id of its captions is one of {name}.")
    return survey
