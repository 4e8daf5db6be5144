"""`mmcot demo`."""

import argparse
from typing import Any

from ..configuration.places import find_model
from ..inference.engine_choice import find_export
from .shared_options import add_engine, add_model, whole_number


SUMMARY = "a web page to ask a model on"
EXAMPLE = "mmcot demo --model runs/quickstart"


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    add_model(parser)
    add_engine(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: %(default)s, only you)")
    parser.add_argument("--port", type=whole_number(1, 65535), default=7860, help="(default: %(default)s)")
    parser.add_argument("--mcp", action="store_true", help="offer it as a tool of the Model Context Protocol, too")


def run(options: argparse.Namespace) -> None:
    """Serves the page until it is stopped."""
    model = find_model(options.model, options.revision)
    try:
        from ..demo.page import build_page, launch_page
    except ImportError as error:
        raise ImportError(f"The page needs gradio ({error}); install it with: pip install 'gradio[mcp]'") from None
    from ..demo.about import read_about

    export = find_export(model, options.engine, "--trust-remote-code" if options.trust_remote_code else None)
    pipe: Any
    if export is None:
        from ..inference.pipeline import open_pipeline

        pipe = open_pipeline(model, options.revision, options.trust_remote_code)
    else:
        from ..engine import OnnxPipeline

        pipe = OnnxPipeline(export)
    launch_page(build_page(pipe, read_about(model, options.revision)), options.host, options.port, options.mcp)
