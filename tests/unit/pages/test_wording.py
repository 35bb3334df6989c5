import pytest

from exporter.pages.wording import day, duration, iso, utc


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0s"),
        (0, "0s"),
        (59.9, "59s"),
        (60, "1m"),
        (3725, "1h 2m"),
        (86400, "1d"),
        (90061, "1d 1h"),
        (86460, "1d 1m"),
    ],
)
def test_durations_are_told_in_their_two_largest_units(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_an_instant_is_told_for_people_and_for_machines() -> None:
    at = 1_790_000_000.7
    assert (utc(at), iso(at), day(at)) == ("2026-09-21 14:13:20 UTC", "2026-09-21T14:13:20Z", "Monday 21 September")


@pytest.mark.parametrize("at", [1e18, -1e18, float("inf"), float("nan")])
def test_one_outside_of_the_calendar_is_told_as_nothing(at: float) -> None:
    assert (utc(at), iso(at), day(at)) == ("", "", "")
