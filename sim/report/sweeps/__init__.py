"""What a sweep keeps of its points, and how it is shown: tables, data frames, charts."""
