"""The report of an evaluation: one page that explains itself, its charts, and the scores as JSON."""

from .writer import write_report


__all__ = ["write_report"]
