"""A web page to ask a model on. Its files need `gradio` and a pipeline, not the rest of this package."""
