"""Everything an operator can set: the one place where settings are read from the environment."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MEBIBYTE = 1024 * 1024


def _setting(
    env: str,
    default: Any,
    help: str,
    unit: str = "",
    least: float = 0,
    most: float = math.inf,
    choices: tuple[str, ...] = (),
    secret: bool = False,
) -> Any:
    metadata = {"env": env, "help": help, "unit": unit, "least": least, "most": most, "choices": choices}
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True)
class Settings:
    """Everything an operator can set, read from the environment in one place.

    Each field carries the name of its environment variable, a sentence and a unit; the table in docs/settings.md is
    held against this class by a test.
    """

    data_dir: Path = _setting("DIYML_DATA_DIR", Path("data"), "Folder for the embedded database, caches and logs.")
    host: str = _setting("DIYML_HOST", "127.0.0.1", "Address the web server listens on; 0.0.0.0 is every network.")
    port: int = _setting("DIYML_PORT", 7001, "Port the web server listens on.", least=1, most=65_535)
    web_workers: int = _setting("DIYML_WEB_WORKERS", 2, "Web server processes.", "processes", least=1, most=256)
    web_threads: int = _setting(
        "DIYML_WEB_THREADS", 192, "Requests one web process works on at a time.", "threads", least=1, most=1024
    )
    mongo_uri: str = _setting("MONGO_URI", "", "MongoDB to use; empty starts the embedded one.")
    database: str = _setting("DIYML_DATABASE", "diyml", "Name of the database in MongoDB.")
    broker_url: str = _setting("CELERY_BROKER_URL", "", "Celery broker (amqp://...); empty uses the MongoDB.")
    token_days: int = _setting("DIYML_TOKEN_DAYS", 90, "How long an API token is valid.", "days", least=1)
    bcrypt_rounds: int = _setting(
        "DIYML_BCRYPT_ROUNDS", 12, "Cost of a password hash, as a power of two.", "rounds", least=4, most=31
    )
    login_attempts: int = _setting(
        "DIYML_LOGIN_ATTEMPTS",
        10,
        "Failed logins of one name from one address in a window before 429.",
        "attempts",
        least=1,
    )
    login_attempts_per_address: int = _setting(
        "DIYML_LOGIN_ATTEMPTS_PER_ADDRESS",
        100,
        "Failed logins from one address in a window before 429.",
        "attempts",
        least=1,
    )
    login_window_seconds: int = _setting("DIYML_LOGIN_WINDOW_SECONDS", 60, "Length of that window.", "s", least=1)
    signups_per_address: int = _setting(
        "DIYML_SIGNUPS_PER_ADDRESS", 1000, "Accounts one address may make in an hour; 0 is no limit.", "accounts/h"
    )
    trusted_proxies: int = _setting(
        "DIYML_TRUSTED_PROXIES", 0, "Reverse proxies in front whose X-Forwarded-For is believed.", "proxies"
    )
    open_listing: bool = _setting(
        "DIYML_OPEN_LISTING", True, "Anybody may list a user's projects (name, type, classes, state) without a token."
    )
    max_request_bytes: int = _setting(
        "DIYML_MAX_REQUEST_BYTES", 64 * MEBIBYTE, "Largest request body.", "bytes", least=1
    )
    max_import_bytes: int = _setting(
        "DIYML_MAX_IMPORT_BYTES", 10 * 1024 * MEBIBYTE, "Largest archive that may be imported.", "bytes", least=1
    )
    max_import_files: int = _setting(
        "DIYML_MAX_IMPORT_FILES", 200_000, "Files that an imported archive may hold.", "files", least=1
    )
    import_upload_hours: float = _setting(
        "DIYML_IMPORT_UPLOAD_HOURS",
        24.0,
        "An upload for which no bytes come for this long is given up.",
        "h",
        least=0.01,
    )
    importers: int = _setting(
        "DIYML_IMPORTERS", 2, "Imports that one machine works on at a time.", "imports", least=1, most=16
    )
    max_predicted_bytes: int = _setting(
        "DIYML_MAX_PREDICTED_BYTES",
        64 * MEBIBYTE,
        "Largest CSV file that is predicted in the answer; larger ones go to a prediction job.",
        "bytes",
        least=1,
    )
    max_prediction_job_bytes: int = _setting(
        "DIYML_MAX_PREDICTION_JOB_BYTES",
        2 * 1024 * MEBIBYTE,
        "Largest CSV file of a prediction job, as it is sent and unpacked.",
        "bytes",
        least=1,
    )
    prediction_hours: float = _setting(
        "DIYML_PREDICTION_HOURS", 24.0, "How long a prediction job is kept once it has ended.", "h", least=0.01
    )
    predictors: int = _setting(
        "DIYML_PREDICTORS", 1, "Prediction jobs that one machine works on at a time.", "jobs", least=0, most=16
    )
    max_image_pixels: int = _setting("DIYML_MAX_IMAGE_PIXELS", 50_000_000, "Largest image.", "pixels", least=1)
    inference_minutes: int = _setting(
        "DIYML_INFERENCE_MINUTES", 60, "How long an inference result is kept.", "min", least=10
    )
    inference_queue: int = _setting(
        "DIYML_INFERENCE_QUEUE", 128, "Images that may wait for a model before the answer is 503.", "images"
    )
    inference_wait_seconds: float = _setting(
        "DIYML_INFERENCE_WAIT_SECONDS", 10.0, "How long they may have to wait, as far as can be told.", "s", least=0.1
    )
    inference_images_per_user: int = _setting(
        "DIYML_INFERENCE_IMAGES_PER_USER", 64, "Images one user may have under way; past that 429.", "images", least=1
    )
    inference_images_per_minute: int = _setting(
        "DIYML_INFERENCE_IMAGES_PER_MINUTE", 0, "Images one user may send; 0 is no limit.", "images/min"
    )
    inference_cores: int = _setting(
        "DIYML_INFERENCE_CORES", 0, "CPU cores that inference uses; 0 is all there are.", "cores", most=1024
    )
    gpu_batch: int = _setting(
        "DIYML_GPU_BATCH", 16, "Images of concurrent requests that one run on a GPU takes.", "images", least=1, most=256
    )
    model_cache_bytes: int = _setting(
        "DIYML_MODEL_CACHE_BYTES", 1024 * MEBIBYTE, "Memory for loaded models and for running them.", "bytes"
    )
    model_disk_cache_bytes: int = _setting(
        "DIYML_MODEL_DISK_CACHE_BYTES", 4 * 1024 * MEBIBYTE, "Disk the models fetched for inference may take.", "bytes"
    )
    devices: str = _setting(
        "DIYML_DEVICES",
        "auto",
        "What a worker trains on, one job each: auto (every NVIDIA GPU, else the CPU), or a list: gpu:0,gpu:1,cpu.",
    )
    streams: bool = _setting(
        "DIYML_STREAMS", True, "Start a worker for streams of rows with everything else; idle while there are none."
    )
    stream_waiting: int = _setting(
        "DIYML_STREAM_WAITING",
        100_000,
        "Messages that may wait in a stream before rows sent by HTTP are 429.",
        "messages",
        least=1,
    )
    lease_seconds: int = _setting(
        "DIYML_LEASE_SECONDS",
        60,
        "A running job without a heartbeat for this long is taken from its worker.",
        "s",
        least=1,
    )
    heartbeat_seconds: float = _setting(
        "DIYML_HEARTBEAT_SECONDS", 1.0, "How often a worker reports and looks for a cancel.", "s", least=0.05
    )
    max_attempts: int = _setting("DIYML_MAX_ATTEMPTS", 3, "Times a job is tried before it fails.", "attempts", least=1)
    queued_jobs_per_user: int = _setting(
        "DIYML_QUEUED_JOBS_PER_USER",
        20,
        "Trainings one user may have waiting before a further one is 429.",
        "jobs",
        least=1,
    )
    checkpoint_seconds: float = _setting(
        "DIYML_CHECKPOINT_SECONDS",
        15.0,
        "How much training may be lost with a worker; an epoch when epochs are longer.",
        "s",
        least=0,
    )
    job_hours: float = _setting(
        "DIYML_JOB_HOURS", 24.0, "Longest time one training may take, all its attempts together.", "h", least=0.01
    )
    job_memory_bytes: int = _setting(
        "DIYML_JOB_MEMORY_BYTES",
        0,
        "Memory one training may take, all its processes together; 0 is four fifths of what there is.",
        "bytes",
    )
    job_disk_bytes: int = _setting(
        "DIYML_JOB_DISK_BYTES", 20 * 1024 * MEBIBYTE, "Disk the folder of one training may take.", "bytes"
    )
    job_processes: int = _setting(
        "DIYML_JOB_PROCESSES", 64, "Processes one training may have at once.", "processes", least=1
    )
    stop_seconds: float = _setting(
        "DIYML_STOP_SECONDS", 30.0, "Time to make a model of a training that is asked to stop early.", "s", least=1
    )
    training_niceness: int = _setting(
        "DIYML_TRAINING_NICENESS",
        15,
        "How far trainings step back behind everything else on the machine; 0 where they have it for themselves.",
        least=0,
        most=19,
    )
    yolo_model: str = _setting("DIYML_YOLO_MODEL", "yolo26n", "Ultralytics model that detection trains.")
    weights_dir: str = _setting("DIYML_WEIGHTS_DIR", "", "Folder with pretrained weights; empty: <data>/weights.")
    download_weights: bool = _setting(
        "DIYML_DOWNLOAD_WEIGHTS", False, "Download pretrained weights that the folder does not hold."
    )
    dataset_cache_bytes: int = _setting(
        "DIYML_DATASET_CACHE_BYTES",
        20 * 1024 * MEBIBYTE,
        "Disk a worker's copies of one kind of data may take: as much for images, and again for tables.",
        "bytes",
    )
    thumbnail_cache_bytes: int = _setting(
        "DIYML_THUMBNAIL_CACHE_BYTES", 512 * MEBIBYTE, "Disk a web server's thumbnails of images may take.", "bytes"
    )
    metrics_token: str = _setting(
        "DIYML_METRICS_TOKEN", "", "Bearer token for /metrics; empty: only this machine may read it.", secret=True
    )
    public_url: str = _setting("DIYML_PUBLIC_URL", "", "Where users reach DIYML, for links in webhooks and mails.")
    webhook_private: bool = _setting(
        "DIYML_WEBHOOK_PRIVATE", False, "Webhooks may go to private and loopback addresses, and by http."
    )
    smtp_host: str = _setting("DIYML_SMTP_HOST", "", "Mail server; empty: no mails.")
    smtp_port: int = _setting("DIYML_SMTP_PORT", 587, "Its port.", least=1, most=65_535)
    smtp_user: str = _setting("DIYML_SMTP_USER", "", "Name to log in with; empty: no login.")
    smtp_password: str = _setting("DIYML_SMTP_PASSWORD", "", "Password to log in with.", secret=True)
    smtp_tls: str = _setting(
        "DIYML_SMTP_TLS",
        "starttls",
        "How the connection is encrypted: starttls, tls (usual port 465) or none.",
        choices=("starttls", "tls", "none"),
    )
    mail_from: str = _setting("DIYML_MAIL_FROM", "", "Sender of mails, `DIYML <diyml@example.org>`; empty: no mails.")
    introspection_url: str = _setting(
        "DIYML_INTROSPECTION_URL",
        "",
        "Where tokens that are not ours are asked about (RFC 7662, https); empty: only ours are good.",
    )
    introspection_client: str = _setting(
        "DIYML_INTROSPECTION_CLIENT", "", "Name by which we ask there, as HTTP Basic authentication."
    )
    introspection_secret: str = _setting("DIYML_INTROSPECTION_SECRET", "", "Password that goes with it.", secret=True)
    mlflow_uri: str = _setting(
        "MLFLOW_TRACKING_URI",
        "",
        "MLflow server that ended jobs and their models are logged to, http or https; empty: none.",
        secret=True,
    )
    mlflow_user: str = _setting("MLFLOW_TRACKING_USERNAME", "", "Name to log in there with; empty: no login.")
    mlflow_password: str = _setting("MLFLOW_TRACKING_PASSWORD", "", "Password that goes with it.", secret=True)
    mlflow_token: str = _setting(
        "MLFLOW_TRACKING_TOKEN", "", "Bearer token, in place of name and password.", secret=True
    )
    mlflow_certificate: str = _setting(
        "MLFLOW_TRACKING_SERVER_CERT_PATH", "", "File with that server's certificate authority; empty: public ones."
    )
    moodle_users: str = _setting(
        "MOODLE_MLBACKEND_PYTHON_USERS",
        "",
        "Who may use Moodle's backend beside accounts: `name:password,name:sha256:salt:hex`.",
        secret=True,
    )
    moodle_dir: str = _setting(
        "MOODLE_MLBACKEND_PYTHON_DIR", "", "Folder for models of Moodle, of the backend alone; empty: the database."
    )
    moodle_bucket: str = _setting(
        "MOODLE_MLBACKEND_PYTHON_S3_BUCKET_NAME", "", "S3 bucket for models of Moodle, in place of anything else."
    )
    moodle_temp_dir: str = _setting(
        "MOODLE_MLBACKEND_TEMPDIR", "", "Folder for files of Moodle under work; empty: that of the system."
    )
    moodle_stash_dir: str = _setting(
        "MOODLE_ML_STASH_DIR", "", "Folder that keeps what Moodle sends, for sending it again; empty: nothing is kept."
    )
    moodle_version: str = _setting(
        "DIYML_MOODLE_VERSION", "3.0.5", "Version of the protocol that Moodle's backend says it speaks."
    )
    moodle_request_bytes: int = _setting(
        "DIYML_MOODLE_REQUEST_BYTES", 1024 * MEBIBYTE, "Largest request from Moodle.", "bytes", least=1
    )
    moodle_seconds: float = _setting(
        "DIYML_MOODLE_SECONDS", 3600.0, "Longest time one training or evaluation for Moodle may take.", "s", least=1
    )
    moodle_memory_bytes: int = _setting(
        "DIYML_MOODLE_MEMORY_BYTES",
        0,
        "Memory one training or evaluation for Moodle may take; 0 is half of what there is.",
        "bytes",
    )
    moodle_web_workers: int = _setting(
        "DIYML_MOODLE_WEB_WORKERS", 1, "Web processes of Moodle's backend alone.", "processes", least=1, most=256
    )
    moodle_processes: int = _setting(
        "DIYML_MOODLE_PROCESSES",
        1,
        "Trainings and evaluations for Moodle that one web process works on at a time.",
        "processes",
        least=1,
        most=256,
    )
    moodle_waiting: int = _setting(
        "DIYML_MOODLE_WAITING", 16, "Further ones that may wait for their turn before the answer is 503.", "requests"
    )
    moodle_idle_seconds: float = _setting(
        "DIYML_MOODLE_IDLE_SECONDS",
        900.0,
        "How long what trainings and evaluations for Moodle need stays loaded when none comes; it takes about 100 MB.",
        "s",
        least=0,
    )
    moodle_alive_seconds: float = _setting(
        "DIYML_MOODLE_ALIVE_SECONDS",
        20.0,
        "Pause between signs of life while Moodle waits for an answer; 0: it gets none.",
        "s",
        least=0,
    )
    log_level: str = _setting("DIYML_LOG_LEVEL", "INFO", "Least severe message that is logged.")

    def __post_init__(self) -> None:
        """See that numbers are in their ranges.

        Raises:
            SettingsError: one is not.
        """
        for item in dataclasses.fields(self):
            value, least, most = getattr(self, item.name), item.metadata["least"], item.metadata["most"]
            if isinstance(value, (int, float)) and not least <= value <= most:
                wanted = f"at least {least}" if most == math.inf else f"{least}..{most}"
                raise SettingsError(f"{item.metadata['env']} must be {wanted}, got {value}")
            if item.metadata["choices"] and value not in item.metadata["choices"]:
                raise SettingsError(f"{item.metadata['env']} must be one of {item.metadata['choices']}, got {value!r}")
        if self.mlflow_uri and not self.mlflow_uri.startswith(("http://", "https://")):
            raise SettingsError("MLFLOW_TRACKING_URI must be the http:// or https:// address of an MLflow server")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the settings.

        Raises:
            SettingsError: a variable holds no value of its type, or one out of its range.
        """
        source = os.environ if environ is None else environ
        values: dict[str, Any] = {}
        for item in dataclasses.fields(cls):
            text = source.get(item.metadata["env"], "")
            if text != "":
                values[item.name] = _parse_setting(item.metadata["env"], text, type(item.default))
        values.setdefault("data_dir", cls.data_dir.absolute())
        for name in _FOLDERS & set(values):  # servers go to another folder once they run
            values[name] = str(Path(values[name]).absolute())
        return cls(**values)

    def to_environment(self) -> dict[str, str]:
        """Every setting as environment variables, for a child process."""
        return {item.metadata["env"]: str(getattr(self, item.name)) for item in dataclasses.fields(self)}

    @property
    def sends_mail(self) -> bool:
        """Whether there is a mail server and a sender."""
        return bool(self.smtp_host and self.mail_from)

    @property
    def weights_path(self) -> Path:
        """Folder in which pretrained weights are looked for."""
        return Path(self.weights_dir) if self.weights_dir else self.data_dir / "weights"


class SettingsError(ValueError):
    """An environment variable does not hold what its setting needs; the message is for the operator."""


_FOLDERS = {"moodle_dir", "moodle_temp_dir", "moodle_stash_dir", "mlflow_certificate"}
_BOOLEANS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def _parse_setting(env: str, text: str, kind: type[Any]) -> Any:
    try:
        if kind is bool:
            return _BOOLEANS[text.strip().lower()]
        return Path(text).absolute() if issubclass(kind, Path) else kind(text)
    except (KeyError, ValueError):
        wanted = "true or false" if kind is bool else f"a value of type {kind.__name__}"
        raise SettingsError(f"{env} must be {wanted}, got {text!r}") from None
