"""Predictions for rows of a table; needs neither scikit-learn nor polars."""
