"""The whole store: every collection over one connection, and the deletions that cross them."""

from __future__ import annotations

from bson import ObjectId
from pymongo import timeout
from pymongo.errors import PyMongoError

from storage.database import connect, shielded
from storage.files import Files
from storage.images import Images
from storage.inferences import Inferences
from storage.job_events import JobEvents
from storage.job_queue import JobQueue
from storage.job_runs import JobRuns
from storage.jobs import Jobs
from storage.models import Models
from storage.projects import Projects
from storage.throttles import Throttles
from storage.tokens import Tokens
from storage.users import Users
from storage.workers import Workers
from utils import Settings


@shielded
class Store:
    """Entry to all collections; making one does no IO."""

    def __init__(self, settings: Settings):
        self.database = connect(settings)
        self.image_files = Files(self.database, "images")
        self.artifacts = Files(self.database, "artifacts")
        self.users = Users(self.database, settings.bcrypt_rounds)
        self.tokens = Tokens(self.database, settings.token_days)
        self.throttles = Throttles(self.database, settings.login_window_seconds)
        self.projects = Projects(self.database)
        self.images = Images(self.database, self.image_files)
        self.jobs = Jobs(self.database, self.artifacts, settings.queued_jobs_per_user)
        self.job_runs = JobRuns(self.database, self.artifacts, settings.lease_seconds, settings.max_attempts)
        self.job_events = JobEvents(self.database)
        self.workers = Workers(self.database)
        self.job_queue = JobQueue(self.database, self.workers)
        self.models = Models(self.database, self.artifacts)
        self.inferences = Inferences(self.database, settings.inference_minutes)

    def prepare(self) -> None:
        """Make the indexes that are missing; the rules of uniqueness hang on them."""
        collections = (
            self.users, self.tokens, self.throttles, self.projects, self.images, self.jobs, self.job_events,
            self.models, self.inferences, self.workers,
        )  # fmt: skip
        self.database.client.admin.command("ping")
        # An index on a large collection may take its time, once the server is known to answer.
        with timeout(None):
            for collection in collections:
                collection.create_indexes()

    def answers(self) -> bool:
        """Whether the database answers now."""
        try:
            self.database.client.admin.command("ping")
        except PyMongoError:
            return False
        return True

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
        self.images.delete_all(project_id)
        self.models.delete_all(project_id)
        self.inferences.delete_project(project_id)
        job_ids = self.jobs.ids_of(project_id)
        self.jobs.delete_ended(project_id)
        self.delete_orphan_events(job_ids)

    def delete_orphan_events(self, job_ids: list[ObjectId]) -> int:
        """Delete the events of those of the jobs that are gone; gives how many jobs that were."""
        gone = set(job_ids) - self.jobs.existing(job_ids)
        if gone:
            self.job_events.delete(gone)
        return len(gone)

    def delete_user(self, user_id: ObjectId) -> None:
        """Delete an account with all its projects, tokens and results."""
        self.users.delete(user_id)
        self.tokens.revoke_all(user_id)
        for project_id in self.projects.ids_of(user_id):
            self.delete_project(project_id)
        self.inferences.delete_user(user_id)
