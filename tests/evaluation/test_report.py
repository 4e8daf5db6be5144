"""The report: one page that needs no other, shows what was wrong, and escapes whatever it is given."""

import io
import json
from base64 import b64decode
from difflib import SequenceMatcher
from html.parser import HTMLParser

import datasets
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mmcot.configuration.metrics import WITH_OPTIONS
from mmcot.evaluation.comparison import compare_predictions
from mmcot.evaluation.predictions import match_predictions
from mmcot.evaluation.report import write_report
from mmcot.evaluation.report.ablation_charts import ablation_chart
from mmcot.evaluation.report.charts import DARK, LIGHT, accuracy_chart
from mmcot.evaluation.report.differences import compare_words, mark_differences
from mmcot.evaluation.report.mistakes import is_right, sort_mistakes
from mmcot.evaluation.report.thumbnails import thumbnail
from mmcot.evaluation.report.writer import p_value, signed
from mmcot.evaluation.scores import evaluate


NASTY = '<script>alert("1")</script> & </style> {{ 7 * 7 }}'
ALIEN = "¿Qué número? 数字は何ですか؟ ما الرقم 🔢"
words = st.lists(st.sampled_from(["the", "red", "cat", "sat"]), max_size=40)
# Elements that close themselves.
VOID = {"meta", "img", "source"}


class Page(HTMLParser):
    """A page's elements, its text, and every address in it; complains about elements that are not closed in order."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.addresses, self.text, self.open = [], [], "", []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.elements.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "srcset", "href", "action")]
        self.open += [tag] * (tag not in VOID)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def make_problems(n, **columns):
    rows = {
        "id": list(range(n)),
        "question": ["Which number?"] * n,
        "choices": [["one", "two", "three"]] * n,
        "answer": [0] * n,
        "solution": ["I count. It is one."] * n,
    }
    return datasets.Dataset.from_dict({name: column for name, column in {**rows, **columns}.items() if column})


def predict_all(n, choice_index, rationale="It is two."):
    return [{"id": row, "choice_index": choice_index, "rationale": rationale} for row in range(n)]


def write(folder, predictions, dataset, **parts):
    """Writes a report and reads its page."""
    write_report(folder, predictions, dataset, evaluate(predictions, dataset) | parts)
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_page_needs_no_other_and_no_script(tmp_path):
    dataset = make_problems(4, image=[Image.new("RGB", (500, 400), "red")] + [None] * 3)
    scores = evaluate(predict_all(4, 1), dataset)["accuracy"]["average"]
    ablations = {"full system": {"all problems": {"accuracy": scores}}}
    ablations["no rationale"] = {"all problems": {"accuracy": scores, "difference": scores}}
    comparison = compare_predictions(predict_all(4, 1), predict_all(2, 0), dataset)
    page = write(tmp_path, predict_all(4, 1), dataset, ablations=ablations, comparison=comparison)
    assert {"script", "link", "iframe", "object", "base"}.isdisjoint(page.elements)
    assert page.elements.count("h2") == 5
    assert all(address.startswith(("data:image/", "#")) for address in page.addresses)
    assert sum(address.startswith("data:") for address in page.addresses) == 2 * 2 + 1
    written = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert (written["ablations"], written["comparison"]) == (ablations, comparison)
    for name in ("accuracy.png", "ablations.png"):
        assert Image.open(tmp_path / name).format == "PNG"


@pytest.mark.parametrize("text", [NASTY, ALIEN, "x" * 3000, "<img src=x onerror=y>", "a\u2028b"])
def test_whatever_is_shown_is_shown_as_text(text, tmp_path):
    columns = {name: [text] for name in ("id", "question", "hint", "solution", "topic", "skill")}
    dataset = make_problems(1, choices=[[text, "other"]], **columns)
    rows = [{"id": text, "answer_text": text + " other", "rationale": text}, {"id": text + "!", "choice_index": 0}]
    metrics = evaluate(rows, dataset, by=["topic"])
    metrics["comparison"] = {"other": text, **compare_predictions(rows, rows, dataset)}
    write_report(tmp_path, rows, dataset, metrics)
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert {"script", "img"} & set(page.elements) == {"img"}
    assert all(address.startswith(("data:image/", "#")) for address in page.addresses)
    assert page.text.count(text) >= 8


@pytest.mark.parametrize("columns", [{}, {"solution": None}, {"hint": ["Look."] * 3}, {"subject": ["history"] * 3}])
@pytest.mark.parametrize("choice_index", [0, 1, None])
def test_every_kind_of_data_set_and_result(columns, choice_index, tmp_path):
    page = write(tmp_path, predict_all(3, choice_index), make_problems(3, **columns))
    right = choice_index == 0
    assert f"{3 * right} of 3 problems answered right" in page.text
    assert ("There are none." in page.text) == right
    assert page.elements.count("article") == 3 * (not right)


def test_nothing_predicted(tmp_path):
    page = write(tmp_path, [], make_problems(30))
    assert "30 missing: no prediction for the problem; counted as wrong" in page.text
    assert "None of the answers given is wrong; the rest are missing." in page.text
    assert ", …" in page.text


def test_shows_so_many_and_says_what_is_left_out(tmp_path):
    page = write(tmp_path, predict_all(103, 1), make_problems(103))
    assert page.elements.count("article") == 100
    assert "The first 100 are shown, 3 left out." in " ".join(page.text.split())


def test_wrong_answers_are_sorted_by_what_went_wrong():
    dataset = make_problems(6, image=[[Image.new("L", (4, 4))] * 2] + [[]] * 5)
    rows = [
        {"id": 0, "choice_index": 1, "rationale": "It is two."},
        {"id": 1, "choice_index": 2, "rationale": "Not two. It is one."},
        {"id": 2, "choice_index": None, "rationale": "It is one."},
        {"id": 3, "choice_index": 1},
        {"id": 4, "choice_index": 0, "rationale": "It is two."},
    ]
    kinds = sort_mistakes(match_predictions(rows, dataset), dataset, WITH_OPTIONS)
    assert [kind.positions for kind in kinds] == [[0], [1], [3], [2]]
    first = kinds[0].shown[0]
    assert len(first["images"]) == 2
    assert [option["letter"] for option in first["options"] if option["gold"]] == ["A"]
    assert [option["text"] for option in first["options"] if option["chosen"]] == ["two"]
    assert first["gold_rationale"] == [("I count.", True), ("It is", False), ("one.", True)]


@pytest.mark.parametrize(
    ("rationale", "solution", "right"),
    [
        ("It is red.", "The ball is red.", True),
        ("It is blue. No, it is red.", "The ball is red.", True),
        ("The ball is red. So it is not blue or red.", "It is red.", True),
        ("It is blue.", "The ball is red.", False),
        ("I do not know.", "The ball is red.", False),
        # What the gold rationale concludes counts, even where that is another option.
        ("It is blue.", "It is red, not green. But blue is too dark.", True),
        # It names no option: its last sentence decides.
        ("Fire glows. Fire is hot.", "Look. Fire is hot!", False),
        ("fire is hot. Fire glows.", "Fire glows. Fire is hot.", True),
        # There is none: the right option decides.
        ("It is red.", "", True),
        ("It is blue.", None, False),
    ],
)
def test_right_rationales(rationale, solution, right):
    assert is_right(rationale, {"choices": ["red", "blue"], "answer": 0, "solution": solution}) == right


@pytest.mark.parametrize(
    ("first", "second", "pieces"),
    [
        ("It is red.", "It is blue.", ([("It is", False), ("red.", True)], [("It is", False), ("blue.", True)])),
        ("Same words", "same Words", ([("Same words", False)], [("same Words", False)])),
        ("", "all new", ([], [("all new", True)])),
        ("a b", "a x b", ([("a", False), ("b", False)], [("a", False), ("x", True), ("b", False)])),
    ],
)
def test_differences_by_hand(first, second, pieces):
    assert mark_differences(first, second) == pieces


def test_texts_that_repeat_their_words_are_compared_at_their_ends():
    first = "So it is " + "a b " * 1000 + "the end."
    second = "so it is " + "b a a " * 700 + "the end."
    begin, middle, end = mark_differences(first, second)[0]
    assert begin == ("So it is", False)
    assert middle == (("a b " * 1000).strip(), True)
    assert end == ("the end.", False)
    repeated = "a " * 2000
    assert mark_differences(repeated, repeated)[0] == [(repeated.strip(), False)]
    assert mark_differences("a " * 4000 + "b", repeated)[1] == [(repeated.strip(), False)]


@settings(derandomize=True, deadline=None, max_examples=50)
@given(first=words, second=words)
def test_texts_of_usual_length_are_compared_as_ever(first, second):
    matcher = SequenceMatcher(None, first, second, autojunk=False)
    assert compare_words(first, second) == matcher.get_opcodes()


@settings(derandomize=True, deadline=None, max_examples=50)
@given(first=st.text(max_size=30), second=st.text(max_size=30))
def test_differences_lose_no_word(first, second):
    for text, pieces in zip((first, second), mark_differences(first, second), strict=True):
        assert " ".join(part for part, _ in pieces) == " ".join(text.split())


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_thumbnails_are_small_whatever_the_picture(mode):
    kind, _, content = thumbnail(Image.new(mode, (1000, 10))).partition(";base64,")
    picture = Image.open(io.BytesIO(b64decode(content)))
    assert kind in ("data:image/png", "data:image/jpeg")
    assert (picture.mode, picture.size) == ("RGB", (320, 3))
    # Nothing of a transparent picture shows but the paper; no ink at all is white, too.
    assert picture.getpixel((0, 0)) == ((255,) * 3 if mode in ("LA", "RGBA", "CMYK") else (0, 0, 0))


def test_confidences_are_drawn_where_there_are_any(tmp_path):
    dataset = make_problems(8)
    rows = [{"id": str(place), "choice_index": place % 2, "confidence": 0.1 * place} for place in range(8)]
    write_report(tmp_path / "with", rows, dataset, evaluate(rows, dataset))
    page = (tmp_path / "with" / "report.html").read_text(encoding="utf-8")
    assert "8 answers come with a confidence, 35.0\N{NO-BREAK SPACE}% on average" in page
    assert "calibration error<span>" in page
    assert (tmp_path / "with" / "confidence.png").stat().st_size > 5000
    bare = [{"id": row["id"], "choice_index": row["choice_index"]} for row in rows]
    write_report(tmp_path / "without", bare, dataset, evaluate(bare, dataset))
    assert "Confidence" not in (tmp_path / "without" / "report.html").read_text(encoding="utf-8")


def test_charts_have_a_row_for_each_score():
    score = {"value": 100.0, "n": 3, "low": 40.0, "high": 100.0}
    heights = []
    for names in (["IMG", "average"], ["NAT", "SOC", "LAN", "average"]):
        for theme in (LIGHT, DARK):
            chart = accuracy_chart(dict.fromkeys(names, score), dict.fromkeys(names, 30.0), theme)
            heights.append(Image.open(io.BytesIO(chart)).height)
    assert heights[0] == heights[1] < heights[2] == heights[3]
    table = {name: {"all problems": {"accuracy": score}} for name in ("full system", "no rationale")}
    assert ablation_chart(table).startswith(b"\x89PNG")


@pytest.mark.parametrize(("value", "text"), [(1.25, "+1.2"), (-51.0, "−51.0"), (-0.04, "+0.0"), (0, "+0.0")])
def test_differences_have_a_sign(value, text):
    assert signed(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.0004, "p < 0.001"), (0.04321, "p = 0.043"), (1, "p = 1.000")])
def test_p_values_are_not_more_exact_than_they_are(value, text):
    assert p_value(value) == text
