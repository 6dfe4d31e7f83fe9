"""Frames by hand (AMQP 1.0 parts 2 and 5): performatives from keyword arguments, and back."""

import struct

from .codec import (Described, Enc, NULL, amqp_list, amqp_map, binary, boolean, decode, described, string,
                    symbol, symbols, ubyte, uint, ulong, ushort)

AMQP_HEADER = b"AMQP\x00\x01\x00\x00"
SASL_HEADER = b"AMQP\x03\x01\x00\x00"


def _raw(value):
    if not isinstance(value, Enc):
        raise TypeError("this field takes an encoded value, got %r" % (value,))
    return value


_PERFORMATIVES = {
    "open": (0x10, [("container_id", string), ("hostname", string), ("max_frame_size", uint),
                    ("channel_max", ushort), ("idle_time_out", uint), ("outgoing_locales", symbols),
                    ("incoming_locales", symbols), ("offered_capabilities", symbols),
                    ("desired_capabilities", symbols), ("properties", _raw)]),
    "begin": (0x11, [("remote_channel", ushort), ("next_outgoing_id", uint), ("incoming_window", uint),
                     ("outgoing_window", uint), ("handle_max", uint), ("offered_capabilities", symbols),
                     ("desired_capabilities", symbols), ("properties", _raw)]),
    "attach": (0x12, [("name", string), ("handle", uint), ("role", boolean), ("snd_settle_mode", ubyte),
                      ("rcv_settle_mode", ubyte), ("source", _raw), ("target", _raw), ("unsettled", _raw),
                      ("incomplete_unsettled", boolean), ("initial_delivery_count", uint),
                      ("max_message_size", ulong), ("offered_capabilities", symbols),
                      ("desired_capabilities", symbols), ("properties", _raw)]),
    "flow": (0x13, [("next_incoming_id", uint), ("incoming_window", uint), ("next_outgoing_id", uint),
                    ("outgoing_window", uint), ("handle", uint), ("delivery_count", uint),
                    ("link_credit", uint), ("available", uint), ("drain", boolean), ("echo", boolean),
                    ("properties", _raw)]),
    "transfer": (0x14, [("handle", uint), ("delivery_id", uint), ("delivery_tag", binary),
                        ("message_format", uint), ("settled", boolean), ("more", boolean),
                        ("rcv_settle_mode", ubyte), ("state", _raw), ("resume", boolean),
                        ("aborted", boolean), ("batchable", boolean)]),
    "disposition": (0x15, [("role", boolean), ("first", uint), ("last", uint), ("settled", boolean),
                           ("state", _raw), ("batchable", boolean)]),
    "detach": (0x16, [("handle", uint), ("closed", boolean), ("error", _raw)]),
    "end": (0x17, [("error", _raw)]),
    "close": (0x18, [("error", _raw)]),
    "sasl_mechanisms": (0x40, [("mechanisms", symbols)]),
    "sasl_init": (0x41, [("mechanism", symbol), ("initial_response", binary), ("hostname", string)]),
    "sasl_challenge": (0x42, [("challenge", binary)]),
    "sasl_response": (0x43, [("response", binary)]),
    "sasl_outcome": (0x44, [("code", ubyte), ("additional_data", binary)]),
}
_BY_CODE = {code: (name, fields) for name, (code, fields) in _PERFORMATIVES.items()}

_SOURCE = [("address", string), ("durable", uint), ("expiry_policy", symbol), ("timeout", uint),
           ("dynamic", boolean), ("dynamic_node_properties", _raw), ("distribution_mode", symbol),
           ("filter", _raw), ("default_outcome", _raw), ("outcomes", symbols), ("capabilities", symbols)]
_TARGET = [("address", string), ("durable", uint), ("expiry_policy", symbol), ("timeout", uint),
           ("dynamic", boolean), ("dynamic_node_properties", _raw), ("capabilities", symbols)]

ACCEPTED = described(0x24, amqp_list([]))
RELEASED = described(0x26, amqp_list([]))
MODIFIED_FAILED = described(0x27, amqp_list([boolean(True)]))


def rejected(condition=None, text=None):
    return described(0x25, amqp_list([error(condition, text)] if condition else []))


def error(condition, text=None):
    return described(0x1D, amqp_list([symbol(condition)] + ([string(text)] if text else [])))


def _fields(spec, values, what):
    unknown = set(values) - {name for name, _ in spec}
    if unknown:
        raise TypeError("%s has no field %s" % (what, ", ".join(sorted(unknown))))
    parts = []
    for name, encode in spec:
        value = values.get(name)
        parts.append(NULL if value is None else value if isinstance(value, Enc) else encode(value))
    while parts and parts[-1] == NULL:
        parts.pop()
    return amqp_list(parts)


def source(**values):
    return described(0x28, _fields(_SOURCE, values, "source"))


def target(**values):
    return described(0x29, _fields(_TARGET, values, "target"))


def coordinator(*capabilities):
    return described(0x30, amqp_list([symbols(capabilities)] if capabilities else []))


def transactional(txn_id, outcome=None):
    return described(0x34, amqp_list([binary(txn_id)] + ([outcome] if outcome else [])))


def declare(global_id=None):
    """The whole message that declares a transaction."""
    return described(0x77, described(0x31, amqp_list([global_id] if global_id else [])))


def discharge(txn_id, failed=False):
    """The whole message that ends a transaction."""
    return described(0x77, described(0x32, amqp_list([binary(txn_id), boolean(failed)])))


def data_message(body):
    """A message of one data section."""
    return described(0x75, binary(body))


def performative(name, /, **values):
    """The encoded performative NAME, trailing absent fields left out."""
    code, spec = _PERFORMATIVES[name]
    return described(code, _fields(spec, values, name))


def frame(body, payload=b"", channel=0, kind=0):
    """A whole frame: size, data offset 2, type, channel, then BODY and PAYLOAD."""
    return struct.pack(">IBBH", 8 + len(body) + len(payload), 2, kind, channel) + body + payload


class Frame:
    """A frame that was read. Performative fields are attributes; an absent field is None."""

    def __init__(self, kind, channel, body):
        self.kind = kind
        self.channel = channel
        self.size = 8 + len(body)
        self.name = "empty"
        self.values = {}
        self.payload = b""
        if body:
            value, at = decode(body)
            self.payload = bytes(body[at:])
            self.name, spec = _BY_CODE[value.descriptor]
            self.values = {field: None for field, _ in spec}
            self.values.update(zip((field for field, _ in spec), value.value))

    def __getattr__(self, name):
        try:
            return self.__dict__["values"][name]
        except KeyError:
            raise AttributeError("%s has no field %s" % (self.__dict__.get("name"), name)) from None

    def __repr__(self):
        shown = {k: v for k, v in self.values.items() if v is not None}
        return "%s ch%d %r%s" % (self.name, self.channel, shown,
                                 " + %d bytes" % len(self.payload) if self.payload else "")

    @property
    def condition(self):
        """The error condition of a detach, end or close; None without one."""
        found = self.values.get("error")
        return str(found.value[0]) if isinstance(found, Described) else None


def terminus(value, kind="source"):
    """A decoded source or target as a dictionary with every field; None stays None."""
    if value is None:
        return None
    spec = _SOURCE if kind == "source" else _TARGET
    result = {field: None for field, _ in spec}
    result.update(zip((field for field, _ in spec), value.value))
    return result


def outcome_name(state):
    """The name of a decoded delivery state."""
    names = {0x23: "received", 0x24: "accepted", 0x25: "rejected", 0x26: "released", 0x27: "modified",
             0x33: "declared", 0x34: "transactional"}
    return None if state is None else names.get(state.descriptor, repr(state))


def state_condition(state):
    """The error condition of a decoded rejected state; None without one."""
    if state is None or state.descriptor != 0x25 or not state.value or state.value[0] is None:
        return None
    return str(state.value[0].value[0])


def lifetime(code):
    """Dynamic node properties that ask for the lifetime policy with descriptor CODE (0x2b..0x2e)."""
    return amqp_map([(symbol("lifetime-policy"), described(code, amqp_list([])))])
