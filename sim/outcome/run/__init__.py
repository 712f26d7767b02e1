"""A training run over days: steps, checkpoints, failures, restarts."""
