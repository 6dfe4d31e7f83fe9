"""AMQP 1.0 types by hand (part 1): what the raw peer writes and reads, independent of any client library.

Encoders return bytes, so nested values are plain concatenation; a case can therefore choose the width
of every encoding and can also write what no library would.
"""

import struct
import uuid


class Enc(bytes):
    """Bytes that are an encoded AMQP value already."""


class Sym(str):
    """A decoded symbol, to tell it from a string."""

    def __repr__(self):
        return ":" + str(self)


class Described:
    """A decoded described value."""

    def __init__(self, descriptor, value):
        self.descriptor = descriptor
        self.value = value

    def __repr__(self):
        return "@%r %r" % (self.descriptor, self.value)

    def __eq__(self, other):
        return isinstance(other, Described) and (self.descriptor, self.value) == (other.descriptor, other.value)


NULL = Enc(b"\x40")
TRUE = Enc(b"\x41")
FALSE = Enc(b"\x42")
LIST0 = Enc(b"\x45")


def boolean(value):
    return TRUE if value else FALSE


def ubyte(value):
    return Enc(struct.pack(">BB", 0x50, value))


def byte(value):
    return Enc(b"\x51" + struct.pack(">b", value))


def ushort(value):
    return Enc(struct.pack(">BH", 0x60, value))


def uint(value):
    if value == 0:
        return Enc(b"\x43")
    if value < 256:
        return Enc(struct.pack(">BB", 0x52, value))
    return Enc(struct.pack(">BI", 0x70, value))


def ulong(value):
    if value == 0:
        return Enc(b"\x44")
    if value < 256:
        return Enc(struct.pack(">BB", 0x53, value))
    return Enc(struct.pack(">BQ", 0x80, value))


def timestamp(value):
    return Enc(struct.pack(">Bq", 0x83, value))


def binary(value):
    if len(value) < 256:
        return Enc(struct.pack(">BB", 0xA0, len(value)) + value)
    return Enc(struct.pack(">BI", 0xB0, len(value)) + value)


def string(value):
    raw = value.encode("utf-8")
    if len(raw) < 256:
        return Enc(struct.pack(">BB", 0xA1, len(raw)) + raw)
    return Enc(struct.pack(">BI", 0xB1, len(raw)) + raw)


def symbol(value):
    raw = value.encode("ascii")
    if len(raw) < 256:
        return Enc(struct.pack(">BB", 0xA3, len(raw)) + raw)
    return Enc(struct.pack(">BI", 0xB3, len(raw)) + raw)


def _compound(code8, code32, items):
    body = b"".join(items)
    if len(body) < 255 and len(items) < 256:
        return Enc(struct.pack(">BBB", code8, len(body) + 1, len(items)) + body)
    return Enc(struct.pack(">BII", code32, len(body) + 4, len(items)) + body)


def amqp_list(items):
    return _compound(0xC0, 0xD0, items) if items else LIST0


def amqp_map(pairs):
    """PAIRS is a sequence of (encoded key, encoded value)."""
    return _compound(0xC1, 0xD1, [part for pair in pairs for part in pair])


def symbols(values):
    """An array of symbols, the encoding of every multiple symbol field."""
    body = b"".join(struct.pack(">I", len(v)) + v.encode("ascii") for v in values)
    return Enc(struct.pack(">BII", 0xF0, len(body) + 5, len(values)) + b"\xb3" + body)


def described(descriptor, value):
    head = ulong(descriptor) if isinstance(descriptor, int) else symbol(descriptor)
    return Enc(b"\x00" + head + value)


_FIXED = {
    0x50: ">B", 0x51: ">b", 0x52: ">B", 0x53: ">B", 0x54: ">b", 0x55: ">b",
    0x60: ">H", 0x61: ">h", 0x70: ">I", 0x71: ">i", 0x72: ">f", 0x80: ">Q",
    0x81: ">q", 0x82: ">d", 0x83: ">q",
}
_CONSTANT = {0x40: None, 0x41: True, 0x42: False, 0x43: 0, 0x44: 0}
_OPAQUE = {0x73: 4, 0x74: 4, 0x84: 8, 0x94: 16}


def decode(data, at=0):
    """Decodes the value at AT; returns (value, position behind it)."""
    code = data[at]
    if code == 0x00:
        descriptor, at = decode(data, at + 1)
        value, at = decode(data, at)
        return Described(descriptor, value), at
    return _decode_body(code, data, at + 1)


def _decode_body(code, data, at):
    if code in _CONSTANT:
        return _CONSTANT[code], at
    if code == 0x45:
        return [], at
    if code == 0x56:
        return data[at] != 0, at + 1
    if code in _FIXED:
        size = struct.calcsize(_FIXED[code])
        return struct.unpack_from(_FIXED[code], data, at)[0], at + size
    if code == 0x98:
        return uuid.UUID(bytes=bytes(data[at:at + 16])), at + 16
    if code in _OPAQUE:
        return bytes(data[at:at + _OPAQUE[code]]), at + _OPAQUE[code]
    return _decode_variable(code, data, at)


def _decode_variable(code, data, at):
    wide = code & 0x10
    size = struct.unpack_from(">I", data, at)[0] if wide else data[at]
    at += 4 if wide else 1
    end = at + size
    if end > len(data):
        raise ValueError("a value of %d bytes does not fit in the %d left" % (size, len(data) - at))
    kind = code & 0xEF
    if kind == 0xA0:
        return bytes(data[at:end]), end
    if kind == 0xA1:
        return bytes(data[at:end]).decode("utf-8", "backslashreplace"), end
    if kind == 0xA3:
        return Sym(bytes(data[at:end]).decode("ascii")), end
    count = struct.unpack_from(">I", data, at)[0] if wide else data[at]
    at += 4 if wide else 1
    if kind == 0xC0:
        items, at = _decode_items(data, at, count)
        return items, end
    if kind == 0xC1:
        items, at = _decode_items(data, at, count)
        return dict(zip(map(_hashable, items[0::2]), items[1::2])), end
    if kind == 0xE0:
        return _decode_array(data, at, count), end
    raise ValueError("there is no AMQP type with the code 0x%02x" % code)


def _decode_items(data, at, count):
    items = []
    for _ in range(count):
        item, at = decode(data, at)
        items.append(item)
    return items, at


def _decode_array(data, at, count):
    descriptor = None
    if data[at] == 0x00:
        descriptor, at = decode(data, at + 1)
    code, at = data[at], at + 1
    items = []
    for _ in range(count):
        item, at = _decode_body(code, data, at)
        items.append(item if descriptor is None else Described(descriptor, item))
    return items


def _hashable(key):
    return key if isinstance(key, (str, int, bytes, float, bool, uuid.UUID)) or key is None else repr(key)


def skip(data, at):
    """The position behind the value at AT, without building it."""
    code = data[at]
    if code == 0x00:
        return skip(data, skip(data, at + 1))
    at += 1
    family = code >> 4
    fixed = {4: 0, 5: 1, 6: 2, 7: 4, 8: 8, 9: 16}
    if family in fixed:
        return at + fixed[family]
    if family in (0xA, 0xC, 0xE):
        return at + 1 + data[at]
    return at + 4 + struct.unpack_from(">I", data, at)[0]


def sections(message):
    """Splits an encoded message into (descriptor code, bytes of the whole section)."""
    result, at = [], 0
    while at < len(message):
        descriptor, _ = decode(message, at + 1)
        end = skip(message, at)
        result.append((descriptor, bytes(message[at:end])))
        at = end
    return result


def bare(message):
    """The bare message: properties to footer, the part no intermediary may change (AMQP 1.0 section 3.2)."""
    return b"".join(raw for code, raw in sections(message) if code not in (0x70, 0x71, 0x72))
