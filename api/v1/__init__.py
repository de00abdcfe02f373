"""The REST API of the platform: so far what the classic contract points at."""
