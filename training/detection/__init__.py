"""Object detection with ultralytics, which is AGPL-3.0 and imported nowhere else."""
