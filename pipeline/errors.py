"""What can go wrong, and the exit code each kind ends a run with.

* DarkcallError            1  a defect of the program
  x UsageError             2  the command, the configuration or a named file is wrong
    x Refused
  x BadInput               3  one item (a scene, an AIS file) cannot be used; the others go on
  x ChecksFailed           4  output checks failed; nothing was published
  x TryLater              75  locked by another run, disk full, quota spent
    x Locked
    x DiskFull
    x Unreachable
    x QuotaSpent
    x DeviceLost

Every error carries one message: what, where, expected, found, what to do.
"""

from __future__ import annotations

import errno

EXIT_DONE = 0
EXIT_DEFECT = 1
EXIT_USAGE = 2
EXIT_SOME_FAILED = 3
EXIT_CHECKS_FAILED = 4
EXIT_TRY_LATER = 75
EXIT_INTERRUPTED = 130


class DarkcallError(Exception):
    """The root. `what` is a sentence; the other parts are optional and printed after it."""

    exit_code = EXIT_DEFECT

    def __init__(
        self,
        what: str,
        *,
        where: object = None,
        expected: object = None,
        found: object = None,
        do: str | None = None,
    ) -> None:
        super().__init__(what, where, expected, found, do)
        self.what = what
        self.where = where
        self.expected = expected
        self.found = found
        self.do = do

    def __str__(self) -> str:
        """`what: where (expected …, found …). What to do`, on one line."""
        text = self.what if self.where is None else f"{self.what}: {self.where}"
        compared = [
            f"{name} {value}"
            for name, value in (("expected", self.expected), ("found", self.found))
            if value is not None
        ]
        if compared:
            text += f" ({', '.join(compared)})"
        return text if self.do is None else f"{text}. {self.do}"

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the way back from a worker process, where keyword arguments would be lost."""
        return _rebuild, (type(self), self.what, self.where, self.expected, self.found, self.do)


def _rebuild(
    kind: type[DarkcallError],
    what: str,
    where: object,
    expected: object,
    found: object,
    do: str | None,
) -> DarkcallError:
    return kind(what, where=where, expected=expected, found=found, do=do)


class UsageError(DarkcallError):
    """The command line, the configuration or a file it names is wrong."""

    exit_code = EXIT_USAGE


class Refused(UsageError):
    """A service does not take the credentials: they are wrong, or have expired."""


class BadInput(DarkcallError):
    """One item cannot be used: a truncated raster, a file of the wrong kind, an empty AOI."""

    exit_code = EXIT_SOME_FAILED


class ChecksFailed(DarkcallError):
    """A stage's own sums do not add up; its output was not published."""

    exit_code = EXIT_CHECKS_FAILED


class TryLater(DarkcallError):
    """Nothing is wrong with the input; the same command may succeed later."""

    exit_code = EXIT_TRY_LATER


class Locked(TryLater):
    """Another run holds this workspace and stage."""


class DiskFull(TryLater):
    """The disk filled up while an item was written; the item was withdrawn."""


class Unreachable(TryLater):
    """A service as a whole does not answer: asking it for anything else is waiting for nothing."""


class QuotaSpent(TryLater):
    """What a provider grants a run or a month is used up."""


class DeviceLost(TryLater):
    """The GPU failed while it worked; what it was working on is done again."""


def exit_code_of(error: BaseException) -> int:
    """What a command ends with that this error ends."""
    if isinstance(error, DarkcallError):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    if isinstance(error, OSError):
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return EXIT_TRY_LATER if full else EXIT_USAGE
    return EXIT_DEFECT
