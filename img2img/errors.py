"""Errors a person can act on: one line that names the thing and says what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class UserError(Exception):
    """Cannot be done as asked (arguments, configuration, data): exit status 2, nothing was written."""

    exit_status = 2


class RunError(UserError):
    """Something failed on the way (disk full, a diverged run, a failed file): exit status 1, what was done is kept."""

    exit_status = 1


class DivergedError(RunError):
    """A training whose loss is not finite any more: begun again, it would end there again."""


@contextmanager
def on_the_way() -> Iterator[None]:
    """Within, something has been written already: what cannot be done any more is a `RunError`."""
    try:
        yield
    except RunError:
        raise
    except UserError as error:
        raise RunError(str(error)) from error


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint such as ``"; did you mean 'pan'? (known: l1, pan)"`` for a name that is not among ``known``."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"{hint} (known: {', '.join(known)})"


def unknown(what: str, name: str, known: Iterable[str], where: str = "") -> UserError:
    """The error for an unknown name: ``what`` is its kind ("loss"), ``where`` the file and key it stands in."""
    place = f"{where}: " if where else ""
    return UserError(f"{place}unknown {what} {name!r}{nearest(name, known)}")
