"""What counts can promise: exact bounds, posteriors, sequential tests, audits, agreement; pure functions of numbers."""
