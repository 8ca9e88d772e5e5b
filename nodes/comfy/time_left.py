"""How long a stage will take: at first from one pass that was timed, then from how long its pieces of work take."""

from __future__ import annotations

LEAST_SHOWN = 10.0  # s: shorter waits are not worth a text
LEAST_MEASURED = 1.0  # s: before that the estimate jumps
BETWEEN = 2.0  # s between two texts


class TimeLeft:
    """Fed with every progress of a stage; says how long is left, now and then."""

    def __init__(self) -> None:
        self.began: float | None = None  # when the work began, s
        self.before: tuple[float, int] | None = None  # when the first call was, and what was done then: work may be resumed
        self.start: tuple[float, int] | None = None  # when the first piece was done: from there on all pieces are alike
        self.said = float("-inf")  # when, s
        self.about = "about"

    @property
    def has_spoken(self) -> bool:
        """Was there any text yet?"""
        return self.said > float("-inf")

    def expect(self, seconds: float, now: float, may_end_early: bool = False) -> str | None:
        """A text to show before the work begins, which is thought to take so long; None: too short to be worth one.

        may_end_early: it, and all texts to come, say how long it takes at most.
        """
        self.began = now
        self.about = "at most" if may_end_early else "about"
        if seconds < LEAST_SHOWN:
            return None
        self.said = now
        return f"{self.about} {in_words(seconds)} to go"

    def after(self, done: int, total: int, now: float) -> str | None:
        """A text to show after `done` of `total` pieces at the time `now` in seconds; None: what is shown stays."""
        self.began = now if self.began is None else self.began
        if self.before is None:
            self.before = now, done
        since, first = self.start or self.before
        if self.start is None and done > first:
            self.start = now, done
            if done > first + 1:  # not so many pieces were made meanwhile: they were made before, and are only now known
                return None
        if done <= first or now - since < LEAST_MEASURED or now - self.said < BETWEEN or done >= total:
            return None
        left = (now - since) / (done - first) * (total - done)
        if left < LEAST_SHOWN and not self.has_spoken:
            return None
        self.said = now
        return f"{self.about} {in_words(left)} left ({done} of {total})"

    def at_the_end(self, now: float) -> str | None:
        """What takes the place of the last text when the work is over; None where there was none."""
        return f"done in {in_words(now - self.began)}" if self.began is not None and self.has_spoken else None


def in_words(seconds: float) -> str:
    """ "40 s", "3 min", "2 h 10 min": as exact as an estimate is."""
    if seconds < 90:
        return f"{max(5, round(seconds / 5) * 5)} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60 // 10 * 10} min"
