"""How far long work is: times that are left, by the clock of the test."""

import pytest

from flatchannels.runs import progress


@pytest.fixture
def told(monkeypatch, capsys):
    """What is printed of calls at given times, on a terminal."""

    def say(begin, *calls):
        clock = iter([begin, *(at for at, _, _ in calls)])
        monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
        monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True, raising=False)
        tell = progress.Progress("runs")
        lines = []
        for _, done, of in calls:
            tell(done, of)
            lines.append(capsys.readouterr().err)
        return lines

    return say


def test_what_is_left_follows_from_what_was_done_since_the_first(told):
    lines = told(0.0, (40.0, 1, 10), (42.0, 2, 10), (46.0, 4, 10), (58.0, 10, 10))  # the first one waited for something else
    assert ["360 s left" in lines[0], "16 s left" in lines[1], "12 s left" in lines[2]] == [True] * 3
    assert "left" not in lines[3] and lines[3].endswith("10 of 10 runs\n")


def test_what_others_have_done_tells_no_time(told):
    first, second = told(0.0, (3.0, 91, 100), (6.0, 92, 100))
    assert "about 27 s left" in first and "about 24 s left" in second


def test_lines_that_follow_at_once_are_left_out(told):
    assert told(0.0, (1.0, 1, 10), (1.1, 2, 10), (1.7, 3, 10))[1] == ""
