"""The way in: `Client`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, overload

from diyml_client import config
from diyml_client.account import Account, Tokens
from diyml_client.catalogue import Catalogue
from diyml_client.downloads import Progress
from diyml_client.errors import InvalidRequest
from diyml_client.experiments import Experiments
from diyml_client.jobs import Jobs
from diyml_client.prediction_jobs import PredictionJob, PredictionJobs, predict_csv
from diyml_client.predictions import ImageLike, ImagePredictions, draw, predict
from diyml_client.projects import Project, Projects
from diyml_client.transport import Transport, path_of


class Client:
    """One user of one DIYML server; may be used by several threads at once.

    Attributes:
        projects, jobs, prediction_jobs, catalogue, experiments, tokens, me: what there is to work with.
    """

    def __init__(self, url: str, token: str | None = None, **options: Any):
        """Connect to nothing yet.

        Args:
            url: where the server is, such as `https://diyml.example.org`.
            options: timeout_seconds, connect_seconds, patience (`Patience`), verify (False, or a file of certificates).
        """
        self.transport = Transport(url, token, **options)
        self.projects = Projects(self.transport)
        self.jobs = Jobs(self.transport)
        self.prediction_jobs = PredictionJobs(self.transport)
        self.catalogue = Catalogue(self.transport)
        self.experiments = Experiments(self.transport)
        self.tokens = Tokens(self.transport)
        self.me = Account(self.transport)

    @classmethod
    def login(
        cls, url: str, username: str, password: str, *, expires_in_days: int | None = None, **options: Any
    ) -> Client:
        """Log in with name and password; the password is not kept.

        Raises:
            Unauthenticated: they do not fit.
        """
        return cls._enter("login", url, username, password, {"expires_in_days": expires_in_days}, options)

    @classmethod
    def signup(cls, url: str, username: str, password: str, **options: Any) -> Client:
        """Make an account, and log in."""
        return cls._enter("signup", url, username, password, {}, options)

    @classmethod
    def from_config(cls, profile: str | None = None, **options: Any) -> Client:
        """As whoever `diyml login` logged in, or as DIYML_URL and DIYML_TOKEN say.

        Raises:
            NoProfile: there is neither.
        """
        saved = config.load(profile)
        return cls(saved.url, saved.token or None, **options)

    @classmethod
    def _enter(
        cls, way: str, url: str, username: str, password: str, more: dict[str, Any], options: dict[str, Any]
    ) -> Client:
        client = cls(url, None, **options)
        wish = {"username": username, "password": password, **more}
        body = {name: value for name, value in wish.items() if value is not None}
        client.transport.token = client.transport.json("POST", path_of(way), body=body)["token"]
        return client

    @property
    def url(self) -> str:
        """Where the server is."""
        return self.transport.url

    @property
    def token(self) -> str | None:
        """The secret that says who calls."""
        return self.transport.token

    def logout(self) -> None:
        """End the token in use."""
        self.transport.json("DELETE", path_of("login"))
        self.transport.token = None

    @overload
    def predict(
        self, project: Project | str, image: ImageLike, *, annotated: Literal[True], **options: Any
    ) -> bytes: ...

    @overload
    def predict(
        self, project: Project | str, image: ImageLike, *, annotated: Literal[False] = False, **options: Any
    ) -> ImagePredictions: ...

    @overload
    def predict(
        self,
        project: Project | str,
        image: Sequence[Path | str | bytes],
        *,
        annotated: Literal[False] = False,
        **options: Any,
    ) -> list[ImagePredictions]: ...

    def predict(
        self, project: Project | str, image: ImageLike | Sequence[ImageLike], *, annotated: bool = False, **options: Any
    ) -> Any:
        """Ask a published project about one image, or several.

        Args:
            image: a path, the bytes of a file, or a list of such.
            annotated: give a JPEG with what was found drawn into it, of one image.
            options: confidence, iou (0 to 1), max_detections, top_k.

        Returns:
            `ImagePredictions` for an image, a list of them for a list.
        """
        name = project.name if isinstance(project, Project) else project
        alone = isinstance(image, (str, bytes, Path))
        images: Sequence[ImageLike] = [image] if alone else image  # type: ignore[assignment,list-item]  # as `alone` tells
        if annotated:
            if len(images) != 1:
                raise InvalidRequest(f"annotated takes one image, got {len(images)}")
            return draw(self.transport, name, images[0], options)
        found = predict(self.transport, name, images, options)
        return found[0] if alone else found

    def predict_csv(
        self,
        project: Project | str,
        source: Path | str,
        target: Path | str,
        *,
        progress: Progress | None = None,
        told: Callable[[PredictionJob], None] | None = None,
        warned: Callable[[list[str]], None] | None = None,
    ) -> Path:
        """Predict the rows of a CSV file with a published project of tables, however many they are.

        A file that is too large for one answer goes to a prediction job, which is followed and then deleted.

        Args:
            source: as for an import of a table, names of the columns in the first line; may be packed with gzip.
            target: gets the rows with `predicted`, and `confidence` of a class; packed where its name ends with `.gz`.
            progress: of the upload to a job: bytes that have arrived, and all of them.
            told: gets the job each time that it has changed.
            warned: gets what is odd about the first rows: columns that are not there, categories that are not known.

        Raises:
            InvalidRequest: the file is no CSV, or a cell cannot be read.
            JobFailed: likewise, of a file that is predicted by a job.
        """
        name = project.name if isinstance(project, Project) else project
        return predict_csv(self.transport, name, Path(source), Path(target), progress, told, warned)

    def __enter__(self) -> Client:
        """Use it in a `with`, which closes its connections."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.transport.close()
