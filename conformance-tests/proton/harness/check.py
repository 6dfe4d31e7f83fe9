"""Assertions that say what was expected and what came."""


class Failed(AssertionError):
    """The broker did not behave as the case expects."""


def fail(text):
    raise Failed(text)


def that(condition, text):
    if not condition:
        raise Failed(text)


def equal(actual, expected, what="value"):
    if actual != expected:
        raise Failed("%s: expected %r, got %r" % (what, _short(expected), _short(actual)))


def one_of(actual, expected, what="value"):
    if actual not in expected:
        raise Failed("%s: expected one of %r, got %r" % (what, list(expected), _short(actual)))


def contains(collection, item, what="collection"):
    if collection is None or item not in collection:
        raise Failed("%s: expected %r in it, got %r" % (what, item, _short(collection)))


def between(actual, low, high, what="value"):
    if actual is None or not low <= actual <= high:
        raise Failed("%s: expected %r..%r, got %r" % (what, low, high, actual))


def same(actual, expected, what="value"):
    """Equal in value and in type, all the way down: an AMQP uint is not an AMQP long."""
    if type(actual) is not type(expected):
        raise Failed("%s: expected the type %s (%r), got %s (%r)"
                     % (what, type(expected).__name__, _short(expected), type(actual).__name__, _short(actual)))
    if isinstance(expected, dict):
        equal(list(map(repr, actual.keys())), list(map(repr, expected.keys())), what + " keys")
        for key, value in expected.items():
            same(actual[key], value, "%s[%r]" % (what, key))
    elif isinstance(expected, (list, tuple)):
        equal(len(actual), len(expected), what + " length")
        for index, value in enumerate(expected):
            same(actual[index], value, "%s[%d]" % (what, index))
    elif hasattr(expected, "elements"):
        equal((actual.type, actual.descriptor), (expected.type, expected.descriptor), what + " constructor")
        same(list(actual.elements), list(expected.elements), what)
    elif hasattr(expected, "descriptor"):
        same(actual.descriptor, expected.descriptor, what + " descriptor")
        same(actual.value, expected.value, what + " described value")
    elif isinstance(expected, float) and expected != expected:
        that(actual != actual, "%s: expected NaN, got %r" % (what, actual))
    elif repr(actual) != repr(expected) or actual != expected:
        raise Failed("%s: expected %r, got %r" % (what, _short(expected), _short(actual)))


def _short(value):
    text = repr(value)
    return value if len(text) <= 600 else text[:600] + "..."
