"""Statistics without a view of their own: pure functions over counts, each with its source."""
