"""From rows of numbers to a model that says how probable each class is."""
