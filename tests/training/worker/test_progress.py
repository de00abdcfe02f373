"""Progress never falls, and the ETA comes from measured epochs."""

from __future__ import annotations

from training.worker.progress import Progress


def test_progress_never_falls_and_stays_below_one_until_the_job_has_ended() -> None:
    progress = Progress(4)
    seen = []
    for epoch in (0.5, 2.0, 1.0, 4.0):
        progress.advance(epoch, 4, None)
        seen.append(progress.take()[0]["progress"])
    assert seen == [0.125, 0.5, 0.5, 0.99]


def test_there_is_no_eta_before_an_epoch_was_measured() -> None:
    progress = Progress(4)
    progress.advance(0.5, 4, None)
    assert progress.take()[0]["eta_seconds"] is None
    progress.advance(1.0, 4, {"loss": 1.0})
    fields = progress.take()[0]
    assert 0 <= fields["eta_seconds"] < 60
    assert (fields["epoch"], fields["metrics"]) == (1, {"loss": 1.0})


def test_the_eta_at_the_end_is_zero() -> None:
    progress = Progress(2)
    for epoch in (1, 2):
        progress.advance(epoch, 2, {"loss": 1.0})
    assert progress.take()[0]["eta_seconds"] == 0


def test_news_that_could_not_be_recorded_come_again_in_order_and_newer_ones_win() -> None:
    progress = Progress(4)
    progress.advance(1, 4, {"loss": 2.0})
    progress.log("first")
    news = progress.take()
    progress.advance(2, 4, {"loss": 1.0})
    progress.log("second")
    progress.give_back(*news)
    fields, history, log = progress.take()
    assert fields["metrics"] == {"loss": 1.0}
    assert [entry["epoch"] for entry in history] == [1, 2]
    assert log == ["first", "second"]
    assert progress.take() == ({}, [], [])
