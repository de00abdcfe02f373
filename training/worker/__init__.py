"""The worker: claims jobs, sees each through in a process of its own, and tidies up. `python -m training.worker`."""
