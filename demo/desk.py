"""What the page asks of a pipeline, and how it shows what comes back."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


MOST_QUESTIONS = 200  # of a file
MOST_CHARACTERS = 5_000  # of a text
MOST_OPTIONS = 26  # each has a letter
COLUMNS = ["question", "answer", "confidence", "rationale"]
NO_CONFIDENCE = "This model was not calibrated, so it says nothing of how sure it is."


def question_from_fields(image: Any, question: str, options: str, context: str) -> dict[str, Any]:
    """The question in the page's fields.

    Args:
        image: a picture, or `None`.
        options: one a line; none for a question without.

    Raises:
        ValueError: for one that is empty or too long; says what to change.
    """
    choices = [line.strip() for line in options.splitlines() if line.strip()]
    if not question.strip():
        raise ValueError("There is no question yet. Write one.")
    if len(choices) == 1:
        raise ValueError("Write two options or more, each on a line of its own, or none.")
    if len(choices) > MOST_OPTIONS:
        raise ValueError(f"These are {len(choices)} options; at most {MOST_OPTIONS} can be compared here.")
    for name, text in (("question", question), ("options", options), ("context", context)):
        if len(text) > MOST_CHARACTERS:
            raise ValueError(f"The {name} has {len(text):,} characters; shorten it to {MOST_CHARACTERS:,}.")
    return {"image": image, "question": question.strip(), "choices": choices, "context": context.strip() or None}


def stream_answer(pipe: Any, question: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    """The rationale so far, and at the end the whole answer."""
    written = ""
    for piece in pipe.stream(question):
        if isinstance(piece, str):
            written += piece
            yield written, None
        else:
            yield piece["rationale"] or "", piece


def option_shares(answer: Mapping[str, Any], choices: Sequence[str]) -> dict[str, float]:
    """The share of each option by its name, as bars show it; none where there are no options."""
    names = [f"({chr(ord('A') + place)}) {choice}" for place, choice in enumerate(choices)]
    if answer["scores"] is None:
        return {names[answer["choice_index"]]: 1.0} if answer["choice_index"] is not None else {}
    return dict(zip(names, answer["scores"], strict=True))


def verdict(answer: Mapping[str, Any]) -> str:
    """The answer and how far it can be trusted, as Markdown."""
    if answer["answer"] is None:
        return f"**No answer**: {answer['reason']}."
    # What is chosen or written stands in code marks: it is text, whatever it looks like.
    words = (answer["choice"] or answer["answer"]).replace("`", chr(39))
    chosen = (
        f"**({answer['answer']})** ``` {words} ```" if answer["choice"] is not None else f"**Answer** ``` {words} ```"
    )
    if answer["confidence"] is None:
        return f"{chosen}\n\n{NO_CONFIDENCE}"
    # Fitted on a few hundred answers: "100 %" would claim more than they can show.
    sure = "over 99%" if answer["confidence"] > 0.99 else f"{answer['confidence']:.0%}"
    return f"{chosen}\n\nConfidence **{sure}**: of answers like this, so many should be right."


def where_it_looked(pipe: Any, question: Mapping[str, Any], rationale: str) -> Any:
    """Where the model looks for the rationale in the page's field; without one, for its own.

    Raises:
        ValueError: where there is no picture.
    """
    if question["image"] is None:
        raise ValueError("There is no picture to look at. Add one, and ask again.")
    read = {"rationale": rationale.strip()} if rationale.strip() else {}
    return pipe({**question, **read}, explain=True)["explanation"]


def weighted_words(explanation: Any) -> list[Any]:
    """Each word and how much of it comes from the picture, from 0 to 1."""
    return [(f"{word.text} ", max(0.0, word.weight)) for word in explanation.words]


def answer_rows(pipe: Any, rows: Sequence[Mapping[str, Any]], batch_size: int = 8) -> list[dict[str, Any]]:
    """Each question with its answer, or with its `error`."""
    answers = pipe(list(rows), batch_size=batch_size, on_error="return")
    return [{**without_picture(row), **answer} for row, answer in zip(rows, answers, strict=True)]


def without_picture(row: Mapping[str, Any]) -> dict[str, Any]:
    """The texts of a row; its picture need not travel back."""
    return {name: value for name, value in row.items() if name != "image"}


def table_of(answered: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """What a table shows of answered questions."""
    rows = []
    for row in answered:
        if "error" in row:
            rows.append([str(row.get("question", "")), row["error"], "", ""])
            continue
        sure = "" if row["confidence"] is None else f"{row['confidence']:.0%}"
        given = row["choice"] or row["answer"] or row["reason"]
        rows.append([row["question"], given, sure, row["rationale"] or ""])
    return rows


def read_questions(content: bytes, name: str) -> list[dict[str, Any]]:
    """The questions in an uploaded file of JSON lines or CSV.

    A picture can only be part of it, as a data URL: paths would be those of the server, and addresses would be fetched
    by it.

    Raises:
        ValueError: names the line and what to change.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{name} is not text in UTF-8; give JSON lines or CSV.") from None
    rows = csv_rows(text) if name.lower().endswith(".csv") else json_rows(text)
    if not rows:
        raise ValueError(f"{name} holds no question; write one a line, with question and, if it has any, choices.")
    if len(rows) > MOST_QUESTIONS:
        raise ValueError(f"{name} holds {len(rows):,} questions; ask at most {MOST_QUESTIONS} at once.")
    return [checked_row(row, number) for number, row in enumerate(rows, 1)]


def json_rows(text: str) -> list[Any]:
    """Rows of JSON lines."""
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except (ValueError, RecursionError):
                raise ValueError(f"Line {number} is not valid JSON; write one object a line.") from None
    return rows


def csv_rows(text: str) -> list[Any]:
    """Rows of CSV, whose options are a JSON list or have | between them; an empty cell stands for none."""
    rows: list[Any] = []
    try:
        for row in csv.DictReader(io.StringIO(text)):
            choices = row.get("choices") or ""
            listed = json.loads(choices) if choices.lstrip().startswith("[") else choices.split("|") if choices else []
            rows.append({**row, "choices": listed})
    except (csv.Error, ValueError) as error:
        raise ValueError(f"Row {len(rows) + 1} cannot be read ({error}); put | between the options.") from None
    return rows


def checked_row(row: Any, number: int) -> dict[str, Any]:
    """A row that may be asked here."""
    if not isinstance(row, dict):
        raise ValueError(f"Row {number} is no object with a question.")
    pictures = row.get("image")
    for picture in pictures if isinstance(pictures, list) else [pictures]:
        if picture and not (isinstance(picture, str) and picture.startswith("data:image/")):
            raise ValueError(
                f"Row {number}: a picture can only come inside the file, as a data URL (data:image/png;base64,...)."
            )
    return {name: row.get(name) or None for name in ("id", "question", "choices", "context", "hint", "image")}


def json_lines(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as a file of JSON lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
