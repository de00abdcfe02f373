"""The whole store: every collection over one connection, and the deletions that cross them."""

from __future__ import annotations

from contextlib import suppress

from bson import ObjectId
from pymongo import timeout
from pymongo.errors import PyMongoError

from settings import Settings
from storage.accounts import Accounts
from storage.alert_incidents import AlertIncidents
from storage.alert_rules import AlertRules
from storage.alert_states import AlertStates
from storage.appended import Appended
from storage.catalogue import Catalogue
from storage.changes import Changes
from storage.class_annotations import ClassAnnotations
from storage.classes import Classes
from storage.database import Database, Document, connect, shielded, unhurried
from storage.deliveries import Deliveries
from storage.files import Files
from storage.idempotency import Idempotency
from storage.image_batches import ImageBatches
from storage.image_changes import ImageChanges
from storage.image_queries import ImageQueries
from storage.images import Images
from storage.import_runs import ImportRuns
from storage.imports import Imports
from storage.inferences import Inferences
from storage.job_audit import JobAudit
from storage.job_events import JobEvents
from storage.job_queue import JobQueue
from storage.job_records import JobRecords
from storage.job_runs import JobRuns
from storage.job_tracking import JobTracking
from storage.jobs import Jobs
from storage.kept_files import KeptFiles
from storage.lanes import Lanes
from storage.mailboxes import Mailboxes
from storage.members import Members
from storage.models import Models
from storage.moodle_objects import MoodleObjects
from storage.outbox import Outbox
from storage.passwords import Passwords
from storage.prediction_jobs import PredictionJobs
from storage.projects import Projects
from storage.restoring import Restoring
from storage.serving import Serving
from storage.stream_batches import StreamBatches
from storage.stream_letters import StreamLetters
from storage.stream_states import StreamStates
from storage.streams import Streams
from storage.tables import Tables
from storage.throttles import Throttles
from storage.tokens import Tokens
from storage.usage import Usage
from storage.users import Users
from storage.versions import Version, Versions
from storage.webhooks import Webhooks
from storage.workers import Workers
from utils import NotFound

_ANSWER_SECONDS = 2


@shielded
class Store:
    """Entry to all collections; making one does no IO."""

    def __init__(self, settings: Settings, database: Database[Document] | None = None):
        self.database = connect(settings) if database is None else database
        self.image_files = Files(self.database, "images")
        self.artifacts = Files(self.database, "artifacts")
        self.uploads = Files(self.database, "uploads")
        self.moodle_files = Files(self.database, "moodle")
        self.passwords = Passwords(settings)
        self.users = Users(self.database, self.passwords)
        self.tokens = Tokens(self.database, settings.token_days)
        self.throttles = Throttles(self.database, settings.login_window_seconds)
        self.hourly = Throttles(self.database, 3600)
        self.accounts = Accounts(settings, self.users, self.tokens, self.passwords, self.throttles, self.hourly)
        self.projects = Projects(self.database)
        self.members = Members(self.database, self.projects)
        self.class_annotations = ClassAnnotations(self.database)
        self.classes = Classes(self.projects, self.class_annotations)
        self.kept_files = KeptFiles(self.database)
        self.images = Images(self.database, self.image_files, self.kept_files)
        self.versions = Versions(self.database, self.artifacts)
        self.tables = Tables(self.database, self.artifacts)
        self.appended = Appended(self.database)
        self.image_queries = ImageQueries(self.database)
        self.image_changes = ImageChanges(self.database)
        self.image_batches = ImageBatches(self.database, self.image_files, self.images)
        self._make_uploads(settings)
        self.jobs = Jobs(self.database, self.artifacts, settings.queued_jobs_per_user)
        self.job_runs = JobRuns(self.database, self.artifacts, settings.lease_seconds, settings.max_attempts)
        self.job_records = JobRecords(self.database, self.artifacts)
        self.job_tracking = JobTracking(self.database)
        self.job_events = JobEvents(self.database)
        self.workers = Workers(self.database)
        self.job_queue = JobQueue(self.database, self.workers)
        self.job_audit = JobAudit(self.database, self.artifacts)
        self.models = Models(self.database, self.artifacts)
        self.moodle_objects = MoodleObjects(self.database, self.moodle_files)
        self.idempotency = Idempotency(self.database)
        self.inferences = Inferences(self.database, settings.inference_minutes)
        self.usage = Usage(self.database)
        self.catalogue = Catalogue(self.database)
        self.restoring = Restoring(self.database)
        self.serving = Serving(self.database, self.projects, self.jobs, self.models, self.usage)
        self.changes = Changes(settings.data_dir.absolute() / "run" / "changes")
        self._make_receivers()
        self._make_streams()

    def _make_receivers(self) -> None:
        """What is told to somebody outside, and who that is."""
        self.outbox = Outbox(self.database)
        self.webhooks = Webhooks(self.database)
        self.webhook_lanes = Lanes(self.database["webhooks"], {"active": True})
        self.mailboxes = Mailboxes(self.database)
        self.mail_lanes = Lanes(self.database["mailboxes"])
        self.deliveries = Deliveries(self.database)
        self.alert_rules = AlertRules(self.database)
        self.alert_states = AlertStates(self.database)
        self.alert_incidents = AlertIncidents(self.database)

    def _make_streams(self) -> None:
        """Rows that come as messages."""
        self.streams = Streams(self.database)
        self.stream_batches = StreamBatches(self.database)
        self.stream_states = StreamStates(self.database)
        self.stream_letters = StreamLetters(self.database)

    def _make_uploads(self, settings: Settings) -> None:
        """What comes as a large file: those who send it, and those who work on it."""
        leases = settings.lease_seconds, settings.max_attempts
        buckets, hours = (self.database, self.uploads, self.artifacts), settings.import_upload_hours
        self.imports = Imports(*buckets, hours)
        self.import_runs = ImportRuns(self.database, self.artifacts, *leases)
        self.prediction_jobs = PredictionJobs(*buckets, hours, settings.prediction_hours)
        self.prediction_runs = ImportRuns(self.database, self.artifacts, *leases, PredictionJobs)

    def prepare(self) -> None:
        """Make the indexes that are missing; the rules of uniqueness hang on them."""
        collections = [part for part in vars(self).values() if hasattr(type(part), "create_indexes")]
        self.database.client.admin.command("ping")
        # An index on a large collection may take its time, once the server is known to answer.
        with unhurried():
            for collection in collections:
                collection.create_indexes()

    def answers(self) -> bool:
        """Whether the database answers now, or within two seconds."""
        try:
            with timeout(_ANSWER_SECONDS):
                self.database.client.admin.command("ping")
        except PyMongoError:
            return False
        return True

    def is_empty(self) -> bool:
        """Whether the database holds nothing at all, not even indexes."""
        return not self.database.list_collection_names()

    def close(self) -> None:
        """Close the connections."""
        self.database.client.close()

    def delete_project(self, project_id: ObjectId) -> None:
        """Delete a project with everything in it; its training is cancelled first.

        The project document goes before its contents: what an interruption leaves behind belongs to nobody, and the
        sweeper removes it.
        """
        self.jobs.cancel_all(project_id)
        self.projects.delete(project_id)
        self.delete_contents(project_id)

    def delete_contents(self, project_id: ObjectId) -> None:
        """Delete what belonged to a project that is gone; jobs still ending in a worker stay for the sweeper."""
        self.jobs.cancel_all(project_id)
        self.imports.delete_project(project_id)
        self.prediction_jobs.delete_project(project_id)
        self.versions.delete_project(project_id)
        self.tables.delete_project(project_id)
        self.appended.delete_project(project_id)
        kept = self.kept_files.delete_project(project_id)
        self.images.delete_all(project_id)
        self.images.release(kept)
        self.models.delete_all(project_id)
        self.inferences.delete_project(project_id)
        self.usage.delete_project(project_id)
        self.delete_stream(project_id)
        self.webhooks.delete_project(project_id)
        self.deliveries.delete_project(project_id)
        for alerts in (self.alert_rules, self.alert_states, self.alert_incidents):
            alerts.delete_project(project_id)
        job_ids = self.jobs.ids_of(project_id)
        self.jobs.delete_ended(project_id)
        self.job_events.delete(set(job_ids) - self.jobs.existing(job_ids))

    def delete_stream(self, project_id: ObjectId) -> None:
        """Delete a project's stream, if it has one, with all that it has judged."""
        if self.streams.of(project_id):
            with suppress(NotFound):  # somebody else was quicker
                self.streams.remove(project_id)
        for holder in (self.stream_batches, self.stream_states, self.stream_letters):
            holder.delete_project(project_id)

    def delete_version(self, version: Version) -> None:
        """Delete a version of a dataset, and what nothing else names."""
        self.versions.delete(version)
        self.release_versions({version.id})

    def release_versions(self, version_ids: set[ObjectId]) -> None:
        """Let go of what versions keep that are gone, or were never made."""
        self.images.release(self.kept_files.forget(version_ids))
        self.tables.release(version_ids)

    def delete_user(self, user_id: ObjectId) -> None:
        """Delete an account with all its projects, tokens, memberships and results."""
        self.users.delete(user_id)
        self.tokens.revoke_all(user_id)
        for project_id in self.projects.ids_of(user_id):
            self.delete_project(project_id)
        self.members.remove_everywhere(user_id)
        self.inferences.delete_user(user_id)
        self.prediction_jobs.delete_owner(user_id)
        self.idempotency.delete_user(user_id)
        self.moodle_objects.delete_user(user_id)
        self.mailboxes.delete([user_id])
        self.deliveries.delete_lanes([user_id])
