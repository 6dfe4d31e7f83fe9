"""Every AMQP type, through every place a value can stand in, unchanged: by value and type, and byte for byte."""

import uuid

from proton import (UNDESCRIBED, Array, Data, Described, Message, byte, char, decimal32, decimal64, decimal128, float32, int32,
                    short, symbol, timestamp, ubyte, uint, ulong, ushort)

from harness import check, codec
from harness import codec
from harness.codec import bare, sections
from harness.engine import Peer
from harness.registry import case

UUID = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")

INTEGERS = {
    "ubyte": [ubyte(0), ubyte(255)],
    "ushort": [ushort(0), ushort(65535)],
    "uint": [uint(0), uint(1), uint(255), uint(256), uint(2 ** 32 - 1)],
    "ulong": [ulong(0), ulong(1), ulong(255), ulong(256), ulong(2 ** 64 - 1)],
    "byte": [byte(-128), byte(0), byte(127)],
    "short": [short(-32768), short(0), short(32767)],
    "int": [int32(-2 ** 31), int32(-129), int32(-1), int32(127), int32(2 ** 31 - 1)],
    "long": [-2 ** 63, -129, -1, 0, 127, 2 ** 63 - 1],
}
FLOATS = {
    "float": [float32(0.0), float32(-1.5), float32(2.0 ** 100), float32(float("inf"))],
    "double": [0.0, -0.0, 1.1, 2.0 ** -1074, 1.7976931348623157e308, float("-inf")],
    "decimal32": [decimal32(0), decimal32(0x22500001), decimal32(2 ** 32 - 1)],
    "decimal64": [decimal64(0), decimal64(0x2238000000000001), decimal64(2 ** 64 - 1)],
    "decimal128": [decimal128(bytes(16)), decimal128(bytes(range(16)))],
}
OTHERS = {
    "boolean": [True, False],
    "char": [char("a"), char("\u00e9"), char("\u20ac"), char("\U0001F600")],
    "timestamp": [timestamp(0), timestamp(1), timestamp(1764000000123), timestamp(-1)],
    "uuid": [UUID],
    "binary": [b"", b"\x00\xff\x80", bytes(range(256)), bytes(1000)],
    "string": ["", "plain", "Gr\u00fc\u00dfe \u4f60\u597d \U0001F600", "x" * 255, "y" * 256],
    "symbol": [symbol("s"), symbol("amqp:accepted:list"), symbol("z" * 256)],
}


def _flat(groups):
    return {"%s-%d" % (kind, index): value for kind, values in groups.items() for index, value in enumerate(values)}


def _round_trip(ctx, *messages):
    """Sends MESSAGES and returns what comes back, after comparing every bare message byte for byte."""
    queue = ctx.queue()
    with Peer(ctx) as peer:
        encoded = [message.encode() for message in messages]
        peer.sender(queue).send_all(encoded)
        received = peer.receiver(queue).receive_many(len(messages))
        for index, (one, sent) in enumerate(zip(received, encoded)):
            check.equal(bare(one.raw).hex(), bare(sent).hex(), "bare message %d" % index)
            one.accept()
    return received


def _properties(ctx, groups):
    values = _flat(groups)
    got = _round_trip(ctx, Message(body="x", properties=values))[0]
    check.same(dict(got.message.properties), values, "application-properties")


@case("types.application-properties-integers")
def properties_integers(ctx):
    """All eight integer types with their limits as application-properties."""
    _properties(ctx, INTEGERS)


@case("types.application-properties-floats")
def properties_floats(ctx):
    """float, double and the three decimals as application-properties."""
    _properties(ctx, FLOATS)


@case("types.application-properties-others")
def properties_others(ctx):
    """boolean, char, timestamp, uuid, binary, string, symbol and null as application-properties."""
    _properties(ctx, {**OTHERS, "null": [None]})


def _annotations(ctx, groups):
    values = {symbol("x-opt-" + name): value for name, value in _flat(groups).items()}
    got = _round_trip(ctx, Message(body="x", annotations=values))[0].message.annotations
    for key, value in values.items():
        check.that(key in got, "annotation %s is missing" % key)
        check.same(got[key], value, "annotation " + key)


@case("types.message-annotations-integers")
def annotations_integers(ctx):
    """All eight integer types as message-annotations."""
    _annotations(ctx, INTEGERS)


@case("types.message-annotations-floats")
def annotations_floats(ctx):
    """float, double and the three decimals as message-annotations."""
    _annotations(ctx, FLOATS)


@case("types.message-annotations-others")
def annotations_others(ctx):
    """All other primitives as message-annotations."""
    _annotations(ctx, OTHERS)


@case("types.message-annotations-compound")
def annotations_compound(ctx):
    """Lists, maps, arrays and described values as message-annotations."""
    _annotations(ctx, {"list": [[int32(1), "two", None]], "map": [{symbol("k"): [1, 2]}],
                       "array": [Array(UNDESCRIBED, Data.INT, int32(1), int32(2))],
                       "described": [Described(symbol("example:point"), [1, 2])]})


@case("types.footer")
def footer(ctx):
    """A footer comes back byte for byte."""
    message = Message(body="x").encode() + codec.described(
        0x78, codec.amqp_map([(codec.symbol("x-opt-crc"), codec.string("abc"))]))
    queue = ctx.queue()
    with Peer(ctx) as peer:
        peer.sender(queue).send(message)
        got = peer.receiver(queue).receive()
        check.equal(sections(got.raw)[-1], sections(message)[-1], "footer")


def _bodies(ctx, values):
    got = _round_trip(ctx, *[Message(body=value) for value in values])
    for received, value in zip(got, values):
        check.same(received.body, value, "body")


def _all(groups):
    return [value for values in groups.values() for value in values]


@case("types.body-integers")
def body_integers(ctx):
    """Every integer type as an amqp-value body."""
    _bodies(ctx, _all(INTEGERS))


@case("types.body-floats")
def body_floats(ctx):
    """Floats and decimals as an amqp-value body."""
    _bodies(ctx, _all(FLOATS))


@case("types.body-others")
def body_others(ctx):
    """All other primitives as an amqp-value body."""
    _bodies(ctx, _all(OTHERS))


@case("types.body-lists-and-maps")
def body_compound(ctx):
    """Lists and maps, empty, nested, with mixed values and keys of many types, as an amqp-value body."""
    every = _all(INTEGERS) + _all(FLOATS) + _all(OTHERS) + [None]
    nested = [1, [2, [3, [4, {"k": [5, {}]}]]]]
    keys = {"string": 1, symbol("symbol"): 2, ulong(3): 3, UUID: 4, timestamp(5): 5, char("c"): 6, b"binary": 7}
    _bodies(ctx, [[], every, nested, {}, keys, {"a": None, "b": {"c": [True, False]}}])


@case("types.body-arrays")
def body_arrays(ctx):
    """An array of every element type as an amqp-value body."""
    kinds = [(Data.UBYTE, [ubyte(1), ubyte(255)]), (Data.USHORT, [ushort(1)]), (Data.UINT, [uint(0), uint(2 ** 31)]),
             (Data.ULONG, [ulong(0), ulong(2 ** 63)]), (Data.BYTE, [byte(-1)]), (Data.SHORT, [short(-1)]),
             (Data.INT, [int32(-1), int32(2 ** 30)]), (Data.LONG, [-1, 2 ** 62]), (Data.FLOAT, [float32(1.5)]),
             (Data.DOUBLE, [1.5]), (Data.DECIMAL32, [decimal32(7)]), (Data.DECIMAL64, [decimal64(7)]),
             (Data.DECIMAL128, [decimal128(bytes(16))]), (Data.CHAR, [char("x"), char("\u20ac")]),
             (Data.TIMESTAMP, [timestamp(1)]), (Data.UUID, [UUID]), (Data.BINARY, [b"", b"abc"]),
             (Data.STRING, ["", "abc"]), (Data.SYMBOL, [symbol("a"), symbol("bc")]), (Data.BOOL, [True, False])]
    _bodies(ctx, [Array(UNDESCRIBED, kind, *values) for kind, values in kinds])


@case("types.body-described")
def body_described(ctx):
    """Described values with symbol and ulong descriptors, nested, and arrays of described values."""
    _bodies(ctx, [Described(symbol("example:type"), "value"), Described(ulong(0x123456789ABCDEF0), [1, 2]),
                  Described(symbol("outer"), [Described(symbol("inner"), {"k": 1})]),
                  [Described(symbol("in-list"), None)], Array(symbol("example:elt"), Data.INT, int32(1), int32(2))])


WIDTHS = [
    "40", "41", "42", "5601", "5600", "50ff", "60ffff", "43", "5201", "7000000001", "44", "5301",
    "800000000000000001", "5180", "618000", "54ff", "71ffffffff", "55ff", "81ffffffffffffffff", "723fc00000",
    "823ff8000000000000", "74225000ff", "8422380000000000ff", "94" + "00" * 15 + "ff", "73000020ac",
    "830000000000000001", "98" + "00112233445566778899aabbccddeeff", "a000", "a00161", "b00000000161", "a100",
    "a10161", "b10000000161", "a30161", "b30000000161", "45", "c00100", "d00000000400000000", "c0020140",
    "d0000000050000000140", "c10100", "d10000000400000000", "c103024142", "d100000006000000024142",
    "e0020055", "e00402550102", "f00000000700000002550102", "00a3016140", "0053ff45",
    "0080ffffffffffffffffa10178",
]


@case("types.every-encoding-byte-for-byte")
def encodings(ctx):
    """Every encoding width of every type, hand-made, as amqp-value body: the bytes come back as they went."""
    messages = [bytes.fromhex("005377" + width) for width in WIDTHS]
    queue = ctx.queue()
    with Peer(ctx) as peer:
        peer.sender(queue).send_all(messages)
        for width, received in zip(WIDTHS, peer.receiver(queue).receive_many(len(messages))):
            check.equal(bare(received.raw).hex(), "005377" + width, "amqp-value " + width)


@case("types.map-order-and-wide-sections")
def wide_sections(ctx):
    """Properties and application-properties in unusual encodings (wide widths, symbol descriptors, trailing nulls)
    come back byte for byte."""
    wide = bytes.fromhex(
        "00" "80" "0000000000000073" "d0" "00000013" "00000005" "b1" "00000002" "6964" "40" "40" "b1" "00000000" "40"
        "00" "a3" "1f" + b"amqp:application-properties:map".hex() +
        "d1" "0000001e" "00000004" "b1" "00000001" "7a" "7000000001" "b1" "00000001" "61" "800000000000000002"
        "005375" "b0" "00000001" "41")
    queue = ctx.queue()
    with Peer(ctx) as peer:
        peer.sender(queue).send(wide)
        check.equal(peer.receiver(queue).receive().raw[-len(wide):].hex(), wide.hex(), "bare message")
