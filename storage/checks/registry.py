"""The invariants of the store, in the order in which they are told. A further one is one line here."""

from __future__ import annotations

from storage.checks.check import Check, check
from storage.checks.files import (
    every_file_has_all_its_chunks,
    every_file_has_the_content_that_is_recorded,
    every_file_that_is_referred_to_is_there_in_its_length,
)
from storage.checks.images import every_image_is_found_by_its_labels_split_and_tags
from storage.checks.imports import every_running_import_has_a_live_lease
from storage.checks.indexes import every_index_is_there_as_it_is_declared
from storage.checks.jobs import (
    a_job_that_has_ended_holds_no_checkpoint_lease_or_project,
    a_job_that_has_not_ended_holds_its_project,
    every_job_that_has_succeeded_has_its_model,
    every_running_job_has_a_live_lease,
)
from storage.checks.leftovers import nothing_left_over
from storage.checks.projects import every_label_names_a_class_of_its_project
from storage.leftovers import LEFTOVERS

CHECKS: tuple[Check, ...] = (
    check(every_running_job_has_a_live_lease, settles=True),
    check(every_running_import_has_a_live_lease, settles=True),
    *(nothing_left_over(kind) for kind in LEFTOVERS),
    check(every_index_is_there_as_it_is_declared),
    check(a_job_that_has_ended_holds_no_checkpoint_lease_or_project),
    check(a_job_that_has_not_ended_holds_its_project),
    check(every_job_that_has_succeeded_has_its_model),
    check(every_label_names_a_class_of_its_project),
    check(every_image_is_found_by_its_labels_split_and_tags),
    check(every_file_that_is_referred_to_is_there_in_its_length),
    check(every_file_has_all_its_chunks),
    check(every_file_has_the_content_that_is_recorded, reads_content=True),
)
