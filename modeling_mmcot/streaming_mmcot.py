"""A rationale piece by piece, while it is written."""

from collections.abc import Callable, Iterator
from threading import Event, Thread
from typing import Any

from transformers import PreTrainedTokenizerBase, StoppingCriteria, TextIteratorStreamer


class StoppedError(Exception):
    """Nobody listens any more."""


class StopsWith(StoppingCriteria):
    """Ends a generation, and whatever is to follow it, as soon as an event is set."""

    def __init__(self, event: Event):
        self.event = event

    def __call__(self, input_ids, scores, **kwargs):
        if self.event.is_set():
            raise StoppedError
        return input_ids.new_zeros(len(input_ids), dtype=bool)


def stream_pieces(
    ask: Callable[[dict[str, Any]], Any], tokenizer: PreTrainedTokenizerBase, show: Callable[[str], str]
) -> Iterator[Any]:
    """Pieces of a text while it is written, then what came of it.

    Args:
        ask: does the work; its argument are settings for the `generate()` that writes the text.
        tokenizer: of the text.
        show: what is to be seen of the text so far; it only ever grows at its end.

    Yields:
        Pieces, and at last what `ask` returns. Closing the iterator stops the work.
    """
    streamer = TextIteratorStreamer(tokenizer, skip_prompt=True, skip_special_tokens=True)
    stop, results, errors = Event(), [], []

    def work() -> None:
        try:
            results.append(ask({"streamer": streamer, "stopping_criteria": [StopsWith(stop)]}))
        except Exception as error:  # told to the one who listens
            errors.append(error)
        finally:
            streamer.end()

    thread = Thread(target=work, daemon=True)
    thread.start()
    try:
        written, seen = "", ""
        for piece in streamer:
            written += piece
            visible = show(written)
            if len(visible) > len(seen):
                yield visible[len(seen) :]
                seen = visible
    finally:
        stop.set()
        thread.join()
    if errors:
        raise errors[0]
    yield results[0]
