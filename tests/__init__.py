"""Tests of everything, room by room."""

from environments import configure_libraries

# Several tests run at a time, and so do the processes that they start: a computation with a thread a core would wait,
# at every step, for the one of its threads that has lost its core to another test.
configure_libraries(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
