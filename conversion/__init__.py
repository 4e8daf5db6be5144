"""Other people's formats: official checkpoints in and out."""
