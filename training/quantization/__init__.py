"""From a model in float32 to a smaller and faster one in int8, and what that costs in accuracy."""
