"""What counts as an answer: a letter, else an option's own words, and nothing where neither is certain."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mmcot import MMCoTProcessor
from mmcot.modeling_mmcot.answers_mmcot import find_option, outermost
from mmcot.modeling_mmcot.prompt_mmcot import flatten, letter
from mmcot.modeling_mmcot.stage_records_mmcot import ANSWER, ANSWER_RATIONALE, DIRECT, RATIONALE_ANSWER, STAGES


COLOURS = ("red", "dark red", "blue")
ANIMALS = ("a cat", "a dog")
YES_NO = ("yes", "no")
GREETINGS = ("Dear uncle Tom,", "Dear Uncle Tom,")
VITAMINS = ("vitamin (C)", "vitamin (A)", "iron")
BOTH = ("the lake", "the sea", "(A) and (B)")
THIRTY = tuple(f"option number {number}" for number in range(30))

TABLE = [
    # A stated letter.
    ("The answer is (B).", COLOURS, 1),
    ("The answer is (b)", COLOURS, 1),
    ("the answer is: (C).", COLOURS, 2),
    ("So the correct answer is (A).", COLOURS, 0),
    ("  The   answer\nis\t(B).  ", COLOURS, 1),
    ("The answer is B.", COLOURS, 1),
    ("The answer is B", COLOURS, 1),
    ("The answer is (B). BECAUSE: It is red, not blue.", COLOURS, 1),
    ("It is red, not blue. The answer is (B).", COLOURS, 1),
    ("(A) is wrong and (C) as well. The answer is (B).", COLOURS, 1),
    ("The answer is (B). I said it: the answer is (B).", COLOURS, 1),
    ("The answer is (A). The answer is (B).", COLOURS, None),
    ("The answer is (A) or (B).", COLOURS, None),
    ("The answer is (A), (B).", COLOURS, None),
    ("The answer is A and B.", COLOURS, None),
    ("The answer is (D).", COLOURS, None),
    # What else a text says does not count once it has stated a letter that does not exist.
    ("It is blue. The answer is (D).", COLOURS, None),
    ("The answer is (AB).", COLOURS, None),
    # A letter alone.
    ("B", COLOURS, 1),
    ("b", COLOURS, 1),
    ("B.", COLOURS, 1),
    ("B)", COLOURS, 1),
    ("(b)", COLOURS, 1),
    ("(B).", COLOURS, 1),
    ("Answer: C", COLOURS, 2),
    ("Option B.", COLOURS, 1),
    ("D", COLOURS, None),
    ("(D)", COLOURS, None),
    # A letter in brackets.
    ("It must be (B).", COLOURS, 1),
    ("It must be (b).", COLOURS, 1),
    ("Answer: (C)", COLOURS, 2),
    ("(B) red", COLOURS, 1),
    ("(A) (B)", COLOURS, None),
    ("Not (A), but (B).", COLOURS, None),
    ("(B), I repeat, (B)", COLOURS, 1),
    # Letters past Z.
    ("The answer is (AA).", THIRTY, 26),
    ("The answer is (AD).", THIRTY, 29),
    ("The answer is (AE).", THIRTY, None),
    ("ab", THIRTY, 27),
    ("It is (AC), I think.", THIRTY, 28),
    ("The answer is (AA).", COLOURS, None),
    # An option's words.
    ("blue", COLOURS, 2),
    ("Blue.", COLOURS, 2),
    ("The ball is blue, I think.", COLOURS, 2),
    ("red", COLOURS, 0),
    ("dark red", COLOURS, 1),
    ("The ball is dark red.", COLOURS, 1),
    ("red, not dark red", COLOURS, None),
    ("red or blue", COLOURS, None),
    ("bluer than the sea", COLOURS, None),
    ("infra-red", COLOURS, None),
    ("green", COLOURS, None),
    ("", COLOURS, None),
    (" \n ", COLOURS, None),
    ("...", COLOURS, None),
    ("()", COLOURS, None),
    ("The answer is", COLOURS, None),
    # "A" may be an article, "I" a pronoun, "no" a word.
    ("A dog", ANIMALS, 1),
    ("A dog.", ANIMALS, 1),
    ("The answer is A dog.", ANIMALS, 1),
    ("A fish", ANIMALS, None),
    ("A", ANIMALS, 0),
    ("I", ("you", "I"), 1),
    ("The answer is I.", ("you", "I"), 1),
    ("no", YES_NO, 1),
    ("The answer is (no).", YES_NO, 1),
    # Options that contain letters in brackets, or are letters.
    ("(A) and (B)", BOTH, 2),
    ("The answer is (C).", BOTH, 2),
    ("(A)", BOTH, 0),
    ("vitamin (A)", VITAMINS, 1),
    ("It is vitamin (C).", VITAMINS, 0),
    ("It is vitamin (D).", VITAMINS, None),
    ("(B) vitamin (A)", VITAMINS, 1),
    ("The answer is (A).", ("B", "A"), 0),
    ("FF", ("FF", "black fur"), 0),
    # Equal, nearly equal and empty options.
    ("red", ("red", "red"), None),
    ("The answer is (B).", ("red", "red"), 1),
    ("B", ("", ""), 1),
    ("", ("", ""), None),
    ("red", ("", "red"), 1),
    ("Dear Uncle Tom,", GREETINGS, 1),
    ("Write: Dear uncle Tom, and so on.", GREETINGS, 0),
    ("DEAR UNCLE TOM,", GREETINGS, None),
    # Numbers.
    ("1.5", ("1", "5"), None),
    ("1.5", ("1", "1.5"), 1),
    ("It is 10.", ("1", "10"), 1),
    ("1/2", ("1", "2"), None),
    ("3:1", ("1:3", "3:1"), 1),
    ("-5", ("5", "-4"), None),
    ("-5 degrees", ("5", "-5"), 1),
    ("1,000 m", ("1", "1,000 m"), 1),
    # Signs and scripts.
    ('"The Sea"', ('"The Sea"', "The Lake"), 0),
    ("What? (who)", ("What? (who)", "Why?"), 0),
    ("Zürich", ("Genf", "ZÜRICH"), 1),
    ("STRASSE", ("Straße", "Weg"), 0),
    ("красный", ("синий", "Красный"), 1),
    ("x2", ("x²", "y"), 0),
    ("a line break", ("a line\nbreak", "none"), 0),
    ("The answer is (A).", ("(B", ")"), 0),
    ("anything", (), None),
    ("The answer is (A).", (), None),
]


def parse(text, choices):
    return MMCoTProcessor.parse_answer(text, choices)


@pytest.mark.parametrize(("text", "choices", "index"), TABLE)
def test_text_names_option(text, choices, index):
    assert parse(text, choices) == index


options = st.lists(st.text(max_size=12), min_size=1, max_size=60)
# Texts of pieces that the rules look for, so that rules meet each other.
piece = st.sampled_from(
    ["The answer is", "(A)", "(B)", "B", "b.", "or", "red", "dark", "-", ":", "1", ".", "(ſ)", "K"]
)
texts = st.text(max_size=40) | st.lists(piece, max_size=8).map(" ".join) | st.lists(piece, max_size=8).map("".join)


class WordsOnly(MMCoTProcessor):
    """The processor's words, without tokenizer and pictures."""

    def __init__(self, newline="space", lecture=False):
        self.newline, self.lecture = newline, lecture


@settings(derandomize=True, deadline=None, max_examples=100)
@given(choices=options, data=st.data())
def test_target_of_any_problem_is_parsed_as_its_answer(choices, data):
    index = data.draw(st.integers(0, len(choices) - 1))
    problem = {"question": "Which?", "choices": choices, "answer": index, "solution": "Look at it."}
    for stage in (DIRECT, ANSWER, RATIONALE_ANSWER, ANSWER_RATIONALE):
        assert parse(WordsOnly().build_target(problem, stage), choices) == index


@settings(derandomize=True, deadline=None, max_examples=300)
@given(text=texts, choices=st.lists(st.text(max_size=6) | piece, max_size=60))
@example(text="The answer is (ı).", choices=["İ"] * 20)
@example(text="ß", choices=["ss", "SS", "ß"])
@example(text="\u0345", choices=["ͅ", "¨"])
def test_any_text_gives_an_index_in_range_or_none(text, choices):
    index = parse(text, choices)
    assert index is None or 0 <= index < len(choices)
    assert parse(text, choices) == parse(flatten(text), choices)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    words=st.lists(st.text("abcdefghij", min_size=3, max_size=8), min_size=1, max_size=12, unique=True), data=st.data()
)
def test_an_option_alone_in_a_sentence_is_found(words, data):
    index = data.draw(st.integers(0, len(words) - 1))
    assert find_option(words[index].upper(), words) == index
    assert find_option(f"It is {words[index]}.", words) == index


@settings(derandomize=True, deadline=None, max_examples=200)
@given(
    question=st.text(max_size=30),
    hint=st.none() | st.text(max_size=30),
    caption=st.none() | st.text(max_size=30),
    rationale=st.none() | st.text(max_size=30),
    choices=st.lists(st.text(max_size=12), min_size=1, max_size=60),
)
def test_prompt_of_any_problem_is_flat_complete_and_ends_with_its_cue(question, hint, caption, rationale, choices):
    problem = {"question": question, "choices": choices, "hint": hint, "caption": caption, "solution": rationale}
    for stage in STAGES:
        prompt = WordsOnly().build_prompt(problem, stage, rationale if stage == ANSWER else None)
        assert prompt == " ".join(prompt.split())
        assert prompt.endswith("Answer:" if stage in (ANSWER, DIRECT) else "Solution:")
        assert prompt.startswith("Question:")
        assert flatten(question) in prompt
        place = prompt.index("Options: ")
        for index, choice in enumerate(choices):
            place = prompt.index(flatten(f"({letter(index)}) {choice}"), place)
        start, end = prompt.context
        assert prompt[start:end] == (flatten(f"{hint or ''} {caption or ''}") or "N/A")


def test_option_inside_another_does_not_count_wherever_they_stand():
    assert outermost([(0, 9), (0, 4), (2, 9), (3, 12), (5, 7), (20, 21)]) == [(0, 9), (3, 12), (20, 21)]


def test_long_text_takes_no_longer_than_its_length():
    """Comparing each place with each other took 18 seconds for such a text, and grew with its square."""
    text = "dark red, red and (A) blue; " * 20_000
    assert find_option(text, COLOURS) == 0
    assert find_option(text.replace("(A)", ""), COLOURS) is None


def test_letters_are_distinct_and_follow_the_columns_of_a_spreadsheet():
    names = [letter(index) for index in range(26 + 26 * 26)]
    assert names[:3] + names[25:28] + names[51:53] == ["A", "B", "C", "Z", "AA", "AB", "AZ", "BA"]
    assert names[-1] == "ZZ"
    assert len(set(names)) == len(names)
