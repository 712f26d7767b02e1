"""Numbers, tables and pages as text: how everything that people read is written."""
