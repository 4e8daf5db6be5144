"""The page: ask, ask many, and what is known of the model."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import gradio as gr

from . import desk
from .about import About


STYLE = Path(__file__).with_name("style.css")
LARGEST_FILE = "20mb"
WAITING = 64  # questions in the queue; more are turned away
AT_ONCE = 2
KEPT_SECONDS = 3600  # uploaded pictures are removed after an hour
VISITORS = 200  # whose explanations are kept at a time


@contextmanager
def errors_shown() -> Iterator[None]:
    """Shows what is wrong with somebody's question to them; everybody else goes on."""
    try:
        yield
    except ValueError as error:
        raise gr.Error(str(error), title="This cannot be asked", print_exception=False) from None


def uploaded_file(payload: Any) -> str | None:
    """Where a picture lies that was uploaded: what may be one, and what is wrong with it, the pipeline says."""
    if payload is None:
        return None
    return payload.path or (payload.url if payload.url.startswith("data:") else None)


def build_page(pipe: Any, about: About) -> gr.Blocks:
    """The page of a model.

    Args:
        pipe: its pipeline.
        about: what is known of it.
    """
    with gr.Blocks(
        title=f"{about.name}: look, explain, answer",
        analytics_enabled=False,
        delete_cache=(KEPT_SECONDS, KEPT_SECONDS),
    ) as page:
        gr.Markdown(f"# Look, explain, answer\n\n{about.headline}", elem_id="headline")
        with gr.Tab("Ask", id="ask"):
            ask_tab(pipe, about)
        with gr.Tab("Ask many", id="many"):
            many_tab(pipe)
        with gr.Tab("How good is it?", id="quality"):
            gr.Markdown(about.quality, elem_id="quality")
        offer_tool(pipe)
    return page.queue(max_size=WAITING, default_concurrency_limit=AT_ONCE)


def ask_tab(pipe: Any, about: About) -> None:
    """One question with its picture; the rationale may be changed and asked again."""
    with gr.Row():
        with gr.Column(scale=5):
            image = gr.Image(
                label="Picture",
                type="filepath",
                sources=["upload", "clipboard", "webcam"],
                height=280,
                elem_id="picture",
            )
            image.preprocess = uploaded_file  # type: ignore[method-assign]
            question = gr.Textbox(label="Question", placeholder="What is in the jar?", lines=2, elem_id="question")
            options = gr.Textbox(
                label="Options, one a line (optional)", placeholder="gas\nsolid", lines=3, elem_id="options"
            )
            context = gr.Textbox(label="Context (optional)", lines=1, elem_id="context")
            with gr.Row():
                send = gr.Button("Ask", variant="primary", scale=3, min_width=80, elem_id="ask-button")
                stop = gr.Button("Stop", scale=1, min_width=80, elem_id="stop-button")
        with gr.Column(scale=6):
            rationale = gr.Textbox(
                label="Rationale (you may change it)",
                lines=5,
                max_lines=12,
                elem_id="rationale",
            )
            again = gr.Button("Answer from this rationale", elem_id="again-button")
            answer = gr.Markdown(elem_id="answer", container=True)
            shares = gr.Label(label="Options, given this rationale", show_heading=False, elem_id="shares")
            look = gr.Button("Where did it look?", elem_id="look-button")
            words = gr.HighlightedText(
                label="Words that need the picture, the darker the more; click on one",
                visible=False,
                elem_id="words",
            )
            heat = gr.Image(
                label="In colour: what counted", interactive=False, visible=False, height=280, elem_id="heat"
            )
            explained = gr.State(time_to_live=KEPT_SECONDS)
    asked = [image, question, options, context]
    if about.example:
        gr.Examples([about.example], asked, label="A problem that it was tried on", api_visibility="private")

    def on_ask(image: Any, question: str, options: str, context: str) -> Iterator[tuple[str, Any, str]]:
        with errors_shown():
            row = desk.question_from_fields(image, question, options, context)
            for text, whole in desk.stream_answer(pipe, row):
                shares = None if whole is None else desk.option_shares(whole, row["choices"])
                yield text, shares, "*Writing ...*" if whole is None else desk.verdict(whole)

    def on_ask_again(image: Any, question: str, options: str, context: str, rationale: str) -> tuple[Any, str]:
        with errors_shown():
            row = desk.question_from_fields(image, question, options, context)
            if not rationale.strip():
                raise ValueError("There is no rationale to answer from. Write one, or ask first.")
            whole = pipe({**row, "rationale": rationale.strip()})
            return desk.option_shares(whole, row["choices"]), desk.verdict(whole)

    def on_look(image: Any, question: str, options: str, context: str, rationale: str) -> tuple[Any, Any, Any]:
        with errors_shown():
            row = desk.question_from_fields(image, question, options, context)
            explanation = desk.where_it_looked(pipe, row, rationale)
        seen = gr.HighlightedText(value=desk.weighted_words(explanation), visible=bool(explanation.words))
        return explanation, seen, gr.Image(value=explanation.heat()[0], visible=True)

    def on_word(explanation: Any, chosen: gr.SelectData) -> Any:
        # The type hint is how gradio knows to say which word it was.
        return explanation.heat(chosen.index)[0]

    results = [rationale, shares, answer]
    running = send.click(on_ask, asked, results, api_visibility="private", concurrency_id="model")
    entered = question.submit(on_ask, asked, results, api_visibility="private", concurrency_id="model")
    stop.click(None, cancels=[running, entered], api_visibility="private")
    again.click(on_ask_again, [*asked, rationale], [shares, answer], api_visibility="private", concurrency_id="model")
    look.click(
        on_look, [*asked, rationale], [explained, words, heat], api_visibility="private", concurrency_id="model"
    )
    words.select(on_word, explained, heat, api_visibility="private")


def many_tab(pipe: Any) -> None:
    """A file of questions in, a table and a file out."""
    gr.Markdown(
        "Upload questions as JSON lines (`question`, and optionally `choices`, `context` and `image`, a data URL) or "
        f"as CSV with `|` between the options; at most {desk.MOST_QUESTIONS}."
    )
    upload = gr.File(label="Questions", file_types=[".jsonl", ".json", ".csv"], elem_id="questions-file")
    table = gr.Dataframe(headers=desk.COLUMNS, wrap=True, interactive=False, label="Answers", elem_id="answers-table")
    download = gr.File(label="Answers as JSON lines", elem_id="answers-file")

    def on_file(path: str | None) -> tuple[Any, Any]:
        if path is None:
            return None, None
        with errors_shown():
            rows = desk.read_questions(Path(path).read_bytes(), Path(path).name)
            answered = desk.answer_rows(pipe, rows)
        result = Path(mkdtemp(prefix="answers-")) / "answers.jsonl"
        result.write_text(desk.json_lines(answered), encoding="utf-8")
        return desk.table_of(answered), str(result)

    upload.change(on_file, upload, [table, download], api_visibility="private", concurrency_id="model")


def offer_tool(pipe: Any) -> None:
    """The one function that programs may call, over HTTP and as a tool of the Model Context Protocol."""

    def ask(question: str, options: list[str], context: str = "", image: str = "") -> dict[str, Any]:
        """Answers a question, with options and a picture or without, and explains the answer.

        Args:
            question: what to answer.
            options: two options or more; an empty list for a question without.
            context: text that the question refers to.
            image: the picture as a data URL, data:image/png;base64,...; empty for none.
        """
        with errors_shown():
            row = desk.checked_row({"question": question, "choices": options, "context": context, "image": image}, 1)
            return pipe(row)

    gr.api(ask, api_name="ask", concurrency_id="model")


def launch_page(page: gr.Blocks, host: str | None = None, port: int | None = None, mcp: bool = False) -> None:
    """Serves the page until it is stopped; without host and port where gradio's own settings say."""
    page.launch(
        server_name=host,
        server_port=port,
        share=False,
        mcp_server=mcp,
        max_file_size=LARGEST_FILE,
        allowed_paths=[],
        state_session_capacity=VISITORS,
        css_paths=STYLE,
        theme=gr.themes.Base(primary_hue="sky", neutral_hue="stone", font=["system-ui", "sans-serif"]),
        footer_links=["api"],
    )
