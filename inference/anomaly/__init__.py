"""Anomalies in time series: judging rows as they come, predictions, figures."""
