"""The comparison with published measurements for people: tables, files, the text of the documentation."""
