"""The register of cases, and the clock that bounds each of them."""

import importlib
import pkgutil
import signal
import time

DEFAULT_SECONDS = 20.0

_cases = {}


class CaseTimeout(BaseException):
    """The case used up its time. Not an Exception, so that no case can swallow it by accident."""


class Case:
    """One named behaviour: a function that takes a Context and raises when the broker misbehaves."""

    def __init__(self, name, function, seconds, profile):
        self.name = name
        self.function = function
        self.seconds = seconds
        self.profile = profile

    @property
    def summary(self):
        return " ".join((self.function.__doc__ or "").split())


def case(name, seconds=DEFAULT_SECONDS, profile="default"):
    """Registers the decorated function as the case NAME (theme.behaviour), bounded by SECONDS, for a broker set up
    as PROFILE says (README.md)."""

    def register(function):
        if name in _cases:
            raise ValueError("two cases are named " + name)
        if not function.__doc__:
            raise ValueError("case %s says nothing about what it expects" % name)
        _cases[name] = Case(name, function, seconds, profile)
        return function

    return register


def all_cases(profile=None):
    """Every case of the cases package (for PROFILE only, when given), in the order of modules and their source."""
    package = importlib.import_module("cases")
    for module in sorted(info.name for info in pkgutil.iter_modules(package.__path__)):
        importlib.import_module("cases." + module)
    return {name: one for name, one in _cases.items() if profile in (None, one.profile)}


class Deadline:
    """A point in time after which waiting is pointless."""

    def __init__(self, seconds):
        self.at = time.monotonic() + seconds

    @property
    def left(self):
        return max(0.0, self.at - time.monotonic())

    @property
    def passed(self):
        return time.monotonic() >= self.at


def arm(seconds):
    """Raises CaseTimeout in the main thread after SECONDS, wherever the case is then."""

    def expired(_signal, _frame):
        raise CaseTimeout("the case took longer than %.0f s" % seconds)

    signal.signal(signal.SIGALRM, expired)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def disarm():
    signal.setitimer(signal.ITIMER_REAL, 0)
