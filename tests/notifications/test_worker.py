"""A real worker process tells, beside its training."""

from __future__ import annotations

from settings import Settings
from storage.store import Store
from tests.conftest import start_worker, wait_until
from tests.notifications.conftest import a_project, a_webhook
from tests.notifications.receivers import Receiver
from tests.notifications.test_mails import ADDRESS, MailServer, Postbox, with_mail


def test_a_worker_tells_by_webhook_and_mail(store: Store, settings: Settings, inbox: Receiver):
    project = a_project(store)
    a_webhook(store, project, inbox.url)
    store.mailboxes.ask(project.owner_id, ADDRESS)
    code = store.mailboxes.new_code(project.owner_id, ADDRESS)
    assert code
    assert store.mailboxes.confirm(project.owner_id, code)
    postbox = Postbox()
    server = MailServer(postbox)
    server.start()
    try:
        worker = start_worker(with_mail(settings, server.port, smtp_password="open sesame"))
        try:
            store.jobs.create(project, {"epochs": 1}, 1)  # of a project without images, so it fails at once
            got = inbox.wait_for(3, seconds=90)
            wait_until(lambda: postbox.mails, 30)
        finally:
            worker.terminate()
            assert worker.wait(20) == 0
    finally:
        server.stop()
    assert [message.state for message in got] == ["queued", "running", "failed"]
    assert "no images" in got[2].message["data"]["reason"]
    assert postbox.mails[0]["Subject"] == "The training of 'fruit' has failed"
    log = (settings.data_dir / "worker.log").read_text()
    assert "open sesame" not in log
    assert inbox.url not in log
