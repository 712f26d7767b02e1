"""What a budget buys by scaling laws: the study, its tables, files and chart."""
