"""The report that measures systems against points of one of them: tables, a verdict in words, its records."""
