"""Rows that come by a queue, judged by the model of their project as they come, with the results on another queue."""
