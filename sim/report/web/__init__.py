"""Charts of report.html that answer to hovering and clicking: their data, of the metrics and the account of points."""
