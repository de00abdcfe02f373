"""Datasets as other tools write and read them: one module a format, registered under its name."""
