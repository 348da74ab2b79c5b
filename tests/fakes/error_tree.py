"""Every class of errors.py, for the table of each door."""

from drimbox import errors


def all_errors() -> set[type[errors.DrimboxError]]:
    found, waiting = set(), [errors.DrimboxError]
    while waiting:
        error = waiting.pop()
        found.add(error)
        waiting += [e for e in error.__subclasses__() if e.__module__ == errors.__name__]
    return found
