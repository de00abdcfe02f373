"""The REST API of the platform: so far trainings and models."""
