"""Moodle's machine-learning backend: data files, the learner, models on shelves, evaluations. Knows no HTTP."""
