"""A dataset snapshot in, a model out: trainers behind one protocol, job submission, the worker and the runner."""
