"""What the answer stage reads in place of its rationale."""

import pytest

from mmcot.configuration.ablations import ABLATIONS, GOLD_RATIONALE, MASKED, NO_CONCLUSION, OTHER_RATIONALE
from mmcot.evaluation.changed_rationales import Reasoned, change_rationales, mask_options
from mmcot.evaluation.conclusions import conclusion

from .labelled import make_examples


def reasoned(processor, rationales, choices=None, **columns):
    dataset = make_examples(len(rationales), **columns)
    chosen = choices or [0] * len(rationales)
    return Reasoned(dataset.to_list(), rationales, chosen, ["A"] * len(rationales), processor)


def test_problem_without_gold_rationale_keeps_its_own(tiny_processor):
    own = reasoned(tiny_processor, ["Mine.", "Mine, too.", ""], solution=["Gold.", "", None])
    assert change_rationales(GOLD_RATIONALE, own) == ["Gold.", "Mine, too.", ""]


def test_rationale_without_its_last_sentence(tiny_processor):
    own = reasoned(tiny_processor, ["I count to 2.5 here. Is it two? So it is two.", "So it is two.", ""])
    assert change_rationales(NO_CONCLUSION, own) == ["I count to 2.5 here. Is it two?", "", ""]


@pytest.mark.parametrize(("percent", "text"), [(25, "a b"), (50, "a b c"), (75, "a b c d")])
def test_beginning_of_a_rationale(percent, text, tiny_processor):
    own = reasoned(tiny_processor, ["a b c d e", ""])
    assert change_rationales(ABLATIONS[f"first {percent} % of the rationale"], own) == [text, ""]


def test_every_option_is_masked_by_word_and_letter(tiny_processor):
    own = reasoned(tiny_processor, ["Not One, nor (B). Oneself stays; so it is three."])
    assert change_rationales(MASKED, own) == ["Not ..., nor .... Oneself stays; so it is ...."]
    assert mask_options("A red fox, a red ball.", ["red", "red fox"]) == "A ..., a ... ball."
    assert mask_options("It costs 1.5 [?].", ["", "5", "[?]"]) == "It costs 1.5 ...."


def test_foreign_rationale_comes_to_another_option_where_there_is_one(tiny_processor):
    rationales = [f"So it is {number}." for number in ("one", "two", "three") * 20]
    own = reasoned(tiny_processor, rationales, choices=[0, 1, 2] * 20)
    foreign = change_rationales(OTHER_RATIONALE, own)
    concluded = [conclusion(text, example["choices"]) for text, example in zip(foreign, own.examples, strict=True)]
    assert None not in concluded
    assert all(one != other for one, other in zip(concluded, own.choices, strict=True))
    assert change_rationales(OTHER_RATIONALE, own) == foreign
    strange = reasoned(tiny_processor, ["So it is one.", "Nothing follows."], choices=[0, 0])
    assert change_rationales(OTHER_RATIONALE, strange)[0] == "Nothing follows."
    assert change_rationales(OTHER_RATIONALE, reasoned(tiny_processor, ["Alone."])) == [""]
