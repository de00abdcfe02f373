"""Capsules: a whole project in one ZIP file, written by one installation and made a new project of by another.

`manifest.json`, the last entry, names every other entry with its size and SHA-256. No entry holds an id, a secret or
the name of a machine: a capsule of the project that was made of it has the same entries.
"""
