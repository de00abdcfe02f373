"""The process calls that Moodle makes, under the name by which it calls them; all the work is done in `moodle`."""
