"""What is kept of outcomes: metrics, results.json, rows of CSV files, and the writing of folders."""
