"""Questions and answers in a terminal."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..modeling_mmcot.prompt_mmcot import letter


Show = Callable[[Any, Mapping[str, Any], Mapping[str, Any]], int]

BAR = 24  # columns
PROMPTS = {
    "image": "Picture (a file; nothing for none): ",
    "question": "Question: ",
    "choices": "Options, with | between them (nothing for none): ",
    "context": "Context (nothing for none): ",
}


def show_json(pipe: Any, question: Mapping[str, Any], settings: Mapping[str, Any]) -> int:
    """Prints what the pipeline gives, as one line; the exit code says whether there is an answer."""
    answer = pipe(question, **settings)
    print(json.dumps(answer, ensure_ascii=False), flush=True)
    return int(answer["answer"] is None)


def show_answer(pipe: Any, question: Mapping[str, Any], settings: Mapping[str, Any]) -> int:
    """Prints the rationale while it is written, then the options; the exit code says whether there is an answer."""
    answer = write_rationale(pipe, question, settings)
    choices = question.get("choices") or []
    for line in option_lines(answer, choices):
        print(line)
    if not answer["parsed"]:
        wanted = "none of the options" if choices else "no answer in words"
        print(f"Answer: {wanted} could be read from {answer['answer_text']!r}")
        return 1
    given = f"({answer['answer']}) {answer['choice']}" if choices else answer["answer"]
    print(f"Answer: {given}{trust(answer)}", flush=True)
    return 0


def explaining(pipe: Any, path: str) -> Callable[..., dict[str, Any]]:
    """A pipeline that draws into a file where it looked, and answers without the drawing."""

    def ask(question: Mapping[str, Any], **settings: Any) -> dict[str, Any]:
        answer = pipe(question, **settings)
        try:
            answer.pop("explanation").save(path)
        except OSError as error:
            raise OSError(f"{path} cannot be written: {error.strerror or error}; name another file.") from None
        return answer

    return ask


def write_rationale(pipe: Any, question: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Prints the rationale and gives the whole answer. One that was chosen among several comes in one piece."""
    begun = False
    stream = iter([pipe(question, **settings)]) if settings else pipe.stream(question)
    for piece in stream:
        if isinstance(piece, str):
            print(piece if begun else f"Rationale: {piece}", end="", flush=True)
            begun = True
    if begun:
        print()
    elif piece["rationale"] is not None:
        print(f"Rationale: {piece['rationale']}")
    return piece


def option_lines(answer: Mapping[str, Any], choices: Iterable[str]) -> list[str]:
    """How probable each option is, as bars; none where there are none to compare."""
    if answer["scores"] is None:
        return []
    full = "█" if (sys.stdout.encoding or "").lower().startswith("utf") else "#"
    names = [f"({letter(place)}) {choice}" for place, choice in enumerate(choices)]
    width = min(40, max(map(len, names)))
    return [
        f"  {name[:width]:<{width}}  {score:4.0%} {full * round(BAR * score)}".rstrip()
        for name, score in zip(names, answer["scores"], strict=True)
    ]


def trust(answer: Mapping[str, Any]) -> str:
    """How far the answer can be trusted, as the end of a line."""
    parts = []
    if answer["confidence"] is not None:
        parts.append(f"confidence {answer['confidence']:.0%}")
    if "agreement" in answer:
        parts.append(f"{answer['agreement']:.0%} of the rationales agree")
    return f"  [{', '.join(parts)}]" if parts else ""


def answer_lines(lines: Iterable[str], pipe: Any, show: Show, settings: Mapping[str, Any]) -> int:
    """Answers questions that come as JSON lines, each as soon as it is there. A bad one is named and left out."""
    worst = 0
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                worst = max(worst, show(pipe, read_question_line(line), settings))
            except ValueError as error:
                print(f"mmcot: line {number}: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
                worst = 1
    return worst


def read_question_line(line: str) -> dict[str, Any]:
    """The question on a line."""
    try:
        question = json.loads(line)
    except (ValueError, RecursionError):
        question = None
    if not isinstance(question, dict):
        raise ValueError('give a JSON object, such as {"question": "What is it?", "choices": ["gas", "solid"]}.')
    return question


def hold(pipe: Any, show: Show, settings: Mapping[str, Any]) -> int:
    """Asks for questions at a prompt and answers them, until there is none. A picture stays until another is named."""
    image = None
    while True:
        try:
            text = {name: input(prompt).strip() for name, prompt in PROMPTS.items()}
        except EOFError:
            print()
            return 0
        image = text["image"] or image
        choices = [choice.strip() for choice in text["choices"].split("|") if choice.strip()]
        question = {"question": text["question"], "choices": choices, "context": text["context"], "image": image}
        try:
            show(pipe, question, settings)
        except ValueError as error:
            print(f"mmcot: {' '.join(str(error).split())}")
        print()
