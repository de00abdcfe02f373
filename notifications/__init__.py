"""Telling people and their programs: from changes of jobs to webhooks and mails that have arrived."""
