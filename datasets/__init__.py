"""Between stored data and a trainer: formats, label parsing, checks, statistics, split, snapshot, materialising."""
