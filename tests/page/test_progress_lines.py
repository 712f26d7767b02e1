"""Progress: a plain line every ten seconds where nobody looks, a bar on a terminal, and what must be said at once."""

from __future__ import annotations

import io

from sim.page.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_line_is_written_every_ten_seconds_where_there_is_no_terminal() -> None:
    out, now_s = io.StringIO(), [0.0]
    with Progress(100, out=out, clock=lambda: now_s[0]) as bar:
        bar.set(50, failed=3, kept=10)
        assert out.getvalue() == ""
        now_s[0] = 40.0
        bar.set(50, failed=3, kept=10)
        bar.set(51, failed=3, kept=10)
        now_s[0] = 49.9
        bar.set(60, failed=3, kept=10)
    # 40 of the 50 points were computed in 40 s.
    assert out.getvalue() == "50 points done, 3 failed, 50 left; 1.0 a second, 50 s to go\n"


def test_what_is_done_already_has_no_rate_and_no_time_to_go() -> None:
    bar = Progress(100, "row", io.StringIO())
    bar.set(100, kept=100)
    assert bar.line(0.0) == bar.line(5.0) == "100 rows done, 0 left; 0.0 a second"


def test_pieces_are_counted_and_their_number_may_be_known_later() -> None:
    bar = Progress(0, out=io.StringIO())
    bar.advance(4)
    assert bar.line(1.0) == "1 point done, 3 left; 1.0 a second, 3 s to go"
    bar.advance()
    assert (bar.done, bar.total) == (2, 4)
    assert bar.line(1.0) == "2 points done, 2 left; 2.0 a second, 1 s to go"


def test_a_terminal_has_a_bar_from_the_first_second_on_and_nothing_of_it_at_the_end() -> None:
    out = Terminal()
    with Progress(8, "plan", out) as bar:
        assert bar.bar is not None
        bar.set(3, failed=1)
        bar.say("it is slow")
        assert bar.bar.tasks[0].completed == 3
        assert bar.bar.tasks[0].fields["failed"] == "1 failed"
    assert "plans" in out.getvalue()
    assert "warning: it is slow" in out.getvalue()
    assert "a second" not in out.getvalue()


def test_what_must_be_known_is_said_at_once() -> None:
    out = io.StringIO()
    with Progress(8, out=out) as bar:
        bar.say("a worker was killed")
        assert out.getvalue() == "warning: a worker was killed\n"
