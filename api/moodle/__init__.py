"""Moodle's machine-learning backend over HTTP: eight routes, part of the main server and alone."""
