"""The engine in a process of its own, for all web processes of a machine: one queue, one set of models and limits.

What a native library does to its process when a model or a driver goes wrong, it does not do to the web server.
"""
