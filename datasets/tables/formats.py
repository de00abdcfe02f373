"""In which formats a table comes."""

FORMATS = ("csv", "tsv", "parquet")
# Of an import that takes in rows that came by themselves; nobody else asks for it.
ROWS = "rows"
MEDIA_TYPES = {
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "parquet": "application/vnd.apache.parquet",
}
