"""In which formats a table comes."""

FORMATS = ("csv", "tsv", "parquet")
