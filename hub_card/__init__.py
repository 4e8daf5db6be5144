"""What a Hub visitor reads."""

from .card import write_card


__all__ = ["write_card"]
