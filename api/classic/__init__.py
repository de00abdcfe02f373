"""The HTTP contract that existing clients speak; its verbs and shapes may not change."""
