"""What a Hub visitor reads."""
