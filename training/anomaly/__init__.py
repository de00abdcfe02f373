"""Anomalies in time series: detectors that learn normal operation, thresholds, and what they are worth."""
