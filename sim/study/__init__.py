"""What is computed about outcomes: curves, comparisons, knees, series, searches. Numbers only, in frozen records."""
