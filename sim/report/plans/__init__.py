"""What a search for plans reports: tables, charts, results.json."""
