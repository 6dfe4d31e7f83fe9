using static Mamba.Broker.Testing.Hostile.Wire;

namespace Mamba.Broker.Testing.Hostile;

/// <summary>Where in a conversation the bytes of a bomb go.</summary>
public enum BombPlace
{
    /// <summary>A whole frame in the place of the open.</summary>
    FrameBeforeOpen,

    /// <summary>A whole frame on channel 0 behind an accepted open.</summary>
    PerformativeAfterOpen,

    /// <summary>The payload of a message: the sender of the test wraps it in transfers on a link of its own.</summary>
    MessagePayload,

    /// <summary>A whole frame in the place of the sasl-init.</summary>
    SaslFrame,
}

/// <summary>A hostile input.</summary>
/// <param name="Name">What it is, for the test's name.</param>
/// <param name="Bytes">The whole frame or the payload, see <paramref name="Where"/>.</param>
/// <param name="Where">Where it goes.</param>
/// <param name="ExpectedCondition">The error condition that the decoder must give.</param>
public sealed record Bomb(string Name, byte[] Bytes, BombPlace Where, string ExpectedCondition)
{
    public override string ToString() => $"{Where}: {Name}";
}

/// <summary>
/// Inputs that have brought AMQP implementations down, or might: deep nesting, counts and sizes without bytes behind them, many small
/// values, wrong types, wrong order. Every one must be refused with the right condition, at once, and without allocating for what
/// it claims to hold.
/// </summary>
public static class BombCorpus
{
    private const string Decode = "amqp:decode-error";
    private const string Framing = "amqp:connection:framing-error";
    private const string Invalid = "amqp:invalid-field";
    private const string Limit = "amqp:resource-limit-exceeded";
    private const string Unknown = "amqp:not-implemented";

    private static readonly uint[] OverflowingSizes = [0x7fffffff, 0x80000000, 0xffffffff];

    private static readonly (byte Code, string Name)[] VariableTypes =
    [
        (0xb0, "binary32"), (0xb1, "string32"), (0xb3, "symbol32"), (0xd0, "list32"), (0xd1, "map32"), (0xf0, "array32"),
    ];

    /// <summary>All bombs; the names differ.</summary>
    public static IReadOnlyList<Bomb> All { get; } =
        [.. Frames(), .. Opens(), .. Values(), .. Overflows(), .. Performatives(), .. Sasl(), .. Messages(), .. SectionOrder()];

    private static IEnumerable<Bomb> Frames()
    {
        for (uint size = 0; size < 8; size++)
        {
            yield return Before($"frame of size {size}", Header(size, 2), Framing);
        }

        yield return Before("data offset 0", Cat(Header(12, 0), U32(0)), Framing);
        yield return Before("data offset 1", Cat(Header(12, 1), U32(0)), Framing);
        yield return Before("data offset behind the frame", Cat(Header(12, 4), U32(0)), Framing);
        yield return Before("data offset 255", Cat(Header(12, 255), U32(0)), Framing);
        foreach (var size in OverflowingSizes)
        {
            yield return Before($"frame of size 0x{size:x}", Header(size, 2), Framing);
        }
    }

    private static IEnumerable<Bomb> Opens()
    {
        yield return Open("no fields", Invalid);
        yield return Open("container-id null", Invalid, Null, Text("host"));
        yield return Open("container-id binary", Decode, Binary(4));
        yield return Open("channel-max uint", Decode, Text("c"), Null, Null, [0x52, 7]);
        yield return Open("max-frame-size string", Decode, Text("c"), Null, Text("1024"));
        yield return Open("capabilities array of string", Decode,
            Text("c"), Null, Null, Null, Null, Null, Null, Array(1, [0xa1], [1, (byte)'x']));
        yield return Open("properties list", Decode, Text("c"), Null, Null, Null, Null, Null, Null, Null, Null, [0x45]);
        yield return Open("eleven fields", Decode, [Text("c"), .. Enumerable.Repeat(Null, 10)]);
        yield return Open("container-id overlong UTF-8", Decode, Bytes(0xb1, 0xc0, 0xaf));
        yield return Open("container-id lone surrogate", Decode, Bytes(0xb1, 0xed, 0xa0, 0x80));
        yield return Open("container-id cut inside a character", Decode, Bytes(0xb1, 0xe2, 0x82));
        yield return Before("open whose list is cut", Frame(Cat([0x00, 0x53, 0x10, 0xc0, 0x20, 1], Text("c"))), Decode);
        yield return Before("open whose list says it is shorter", Frame(Cat([0x00, 0x53, 0x10, 0xc0, 3, 1], Text("container"))), Decode);
        yield return Before("open whose list counts 2^32-1 fields", Frame(Described(0x10, Compound(0xd0, uint.MaxValue, Text("c")))), Decode);
        yield return Before("open without a list", Frame([0x00, 0x53, 0x10]), Decode);
        yield return Before("open as map", Frame(Described(0x10, Map(Text("c"), Null))), Decode);
        yield return Before("body without a descriptor", Frame(List(Text("c"))), Decode);
        yield return Before("body of one byte", Frame([0x00]), Decode);
        yield return Before("performative of unknown code", Frame(Described(0x55, [0x45])), Decode);
        yield return Before("performative of unknown symbol", Frame(Cat([0x00], Symbol("amqp:opem:list"), List(Text("c")))), Decode);
        yield return Before("performative of which the symbol is a prefix", Frame(Cat([0x00], Symbol("amqp:open:list2"), List(Text("c")))), Decode);
        yield return Before("performative described by a string", Frame(Cat([0x00], Text("amqp:open:list"), List(Text("c")))), Decode);
        yield return Before("performative described by a described value", Frame(Cat([0x00], Described(0x10, [0x53, 0x10]), List(Text("c")))), Decode);
    }

    private static IEnumerable<Bomb> Values()
    {
        yield return Property("lists 33 deep", Limit, Nest(32, [0x45], static v => List(v)));
        yield return Property("lists 800 deep", Limit, Nest(800, [0x45], static v => Cat([0xd0], U32((uint)v.Length + 4), U32(1), v)));
        yield return Property("maps 33 deep", Limit, Nest(33, Null, static v => Map(Text("k"), v)));
        yield return Property("arrays 33 deep", Limit, NestedArrays(33));
        yield return Property("described values 33 deep", Limit, Nest(33, Null, static v => Described(0x01, v)));
        yield return Property("descriptors of descriptors", Decode, Cat(Repeat([0x00], 500), [0x53, 1], Null));
        yield return Property("list as descriptor", Decode, Cat([0x00], List(Null), Null));
        yield return Property("array of 2^32-1 nulls", Decode, Array(uint.MaxValue, [0x40]));
        yield return Property("array of 65,535 nulls", Decode, Array(65_535, [0x40]));
        yield return Property("array of nulls padded to its count", Decode, Array(100, [0x40], new byte[200]));
        yield return Property("array of true without bytes", Decode, Array(4, [0x41], new byte[8]));
        yield return Property("array of uint0", Decode, Array(4, [0x43], new byte[8]));
        yield return Property("array of ulong0", Decode, Array(4, [0x44], new byte[8]));
        yield return Property("array of list0", Decode, Array(4, [0x45], new byte[8]));
        yield return Property("array of described list0", Decode, Array(4, [0x00, 0x53, 0x24, 0x45], new byte[8]));
        yield return Property("array of more uuids than bytes", Decode, Array(20, [0x98], new byte[40]));
        yield return Property("array of unknown elements", Decode, Array(1, [0x57], [0]));
        yield return Property("array without constructor", Decode, Cat([0xf0], U32(4), U32(0)));
        yield return Property("array8 counting beyond its bytes", Decode, [0xe0, 3, 200, 0x50, 1]);
        yield return Property("list counting beyond its bytes", Decode, [0xc0, 3, 200, 0x40, 0x40]);
        yield return Property("list with bytes left over", Decode, [0xc0, 4, 1, 0x40, 0x40, 0x40]);
        yield return Property("list8 of size 0", Decode, [0xc0, 0]);
        yield return Property("list32 of size 3", Decode, Cat([0xd0], U32(3), [0, 0, 0]));
        yield return Property("map8 of size 0", Decode, [0xc1, 0]);
        yield return Property("array8 of size 0", Decode, [0xe0, 0]);
        yield return Property("map with an odd count", Decode, Map(Text("a"), Null, Text("b")));
        yield return Property("map with a key twice", Decode, Map(Text("a"), Null, Text("a"), Null));
        yield return Property("map with a key twice in two widths", Decode, Map([0x43], Null, [0x52, 0], Null));
        yield return Property("map with the key null", Decode, Map(Null, Null));
        yield return Property("symbol of 1,025 bytes", Limit, Symbol(new string('s', 1_025)));
        yield return Property("symbol outside ASCII", Decode, Symbol("caf\u00e9"));
        yield return Property("string of overlong UTF-8", Decode, Bytes(0xb1, 0xe0, 0x80, 0xaf));
        yield return Property("string of a lone surrogate", Decode, Bytes(0xb1, 0xed, 0xbf, 0xbf));
        yield return Property("char of a surrogate", Decode, Cat([0x73], U32(0xd800)));
        yield return Property("char beyond Unicode", Decode, Cat([0x73], U32(0x110000)));
        yield return Property("boolean of value 2", Decode, [0x56, 2]);
        foreach (byte code in new byte[] { 0x01, 0x3f, 0x46, 0x57, 0x62, 0x75, 0x85, 0x99, 0xa2, 0xb2, 0xc2, 0xd2, 0xe1, 0xff })
        {
            yield return Property($"format code 0x{code:x2}", Decode, Cat([code], new byte[32]));
        }
    }

    private static IEnumerable<Bomb> Overflows()
    {
        foreach (var (code, name) in VariableTypes)
        {
            foreach (var size in OverflowingSizes)
            {
                yield return Property($"{name} of size 0x{size:x}", Decode, Sized(code, size));
            }
        }
    }

    private static IEnumerable<Bomb> Performatives()
    {
        yield return After("begin without next-outgoing-id", Described(0x11, List(Null)), Invalid);
        yield return After("begin with handle-max ulong", Described(0x11, List(Null, [0x43], [0x52, 1], [0x52, 1], [0x44])), Decode);
        yield return After("attach without role", Described(0x12, List(Text("l"), [0x43])), Invalid);
        yield return After("attach with settle mode 3", Described(0x12, List(Text("l"), [0x43], [0x41], [0x50, 3])), Invalid);
        yield return After("attach with an open as source",
            Described(0x12, List(Text("l"), [0x43], [0x41], Null, Null, Described(0x10, List(Text("c"))))), Decode);
        yield return After("attach with an unknown target",
            Described(0x12, List(Text("l"), [0x43], [0x42], Null, Null, Null, Described(0x2a, [0x45]))), Unknown);
        yield return After("attach with a filter 33 deep",
            Described(0x12, List(Text("l"), [0x43], [0x41], Null, Null,
                Described(0x28, List(Null, Null, Null, Null, Null, Null, Null, Map(Symbol("f"), Nest(32, [0x45], static v => List(v))))))), Limit);
        yield return After("attach with durability 9",
            Described(0x12, List(Text("l"), [0x43], [0x41], Null, Null, Described(0x28, List(Text("q"), [0x52, 9])))), Invalid);
        yield return After("flow without windows", Described(0x13, List(Null, [0x52, 1])), Invalid);
        yield return After("transfer without handle", Described(0x14, [0x45]), Invalid);
        yield return After("transfer with a delivery-tag of 33 bytes", Described(0x14, List([0x43], [0x43], Binary(33))), Invalid);
        yield return After("transfer with a delivery-tag of size 2^31", Described(0x14, List([0x43], [0x43], Sized(0xb0, 0x80000000))), Decode);
        yield return After("transfer with an unknown state", Described(0x14, List([0x43], Null, Null, Null, Null, Null, Null, Described(0x7f, [0x45]))), Unknown);
        yield return After("disposition with a string as state", Described(0x15, List([0x41], [0x43], Null, Null, Text("accepted"))), Decode);
        yield return After("disposition with transactional states 1,000 deep",
            Described(0x15, List([0x41], [0x43], Null, Null,
                Nest(1_000, Described(0x24, [0x45]), static v => Described(0x34, List(Bytes(0xb0, 1), v))))), Unknown);
        yield return After("disposition without first", Described(0x15, List([0x41])), Invalid);
        yield return After("detach with an error without condition", Described(0x16, List([0x43], [0x41], Described(0x1d, [0x45]))), Invalid);
        yield return After("close with two fields", Described(0x18, List(Null, Null)), Decode);
        yield return After("list of 65,537 nulls",
            Described(0x11, List(Null, [0x43], [0x52, 1], [0x52, 1], Null, Null, Null, Map(Symbol("p"), Compound(0xd0, 65_537, Repeat(Null, 65_537))))), Limit);
        yield return After("sasl-init in an AMQP frame", Described(0x41, List(Symbol("PLAIN"))), Decode);
    }

    private static IEnumerable<Bomb> Sasl()
    {
        yield return InSasl("sasl-init without mechanism", Described(0x41, [0x45]), Invalid);
        yield return InSasl("sasl-init with a string as mechanism", Described(0x41, List(Text("PLAIN"))), Decode);
        yield return InSasl("sasl-init with a mechanism of 1,025 bytes", Described(0x41, List(Symbol(new string('M', 1_025)))), Limit);
        yield return InSasl("sasl-init with a response of size 2^32-1", Described(0x41, List(Symbol("PLAIN"), Sized(0xb0, uint.MaxValue))), Decode);
        yield return InSasl("sasl-init with lists as response", Described(0x41, List(Symbol("PLAIN"), Nest(40, [0x45], static v => List(v)))), Decode);
        yield return InSasl("open in a SASL frame", Described(0x10, List(Text("c"))), Decode);
        yield return InSasl("SASL frame of an unknown code", Described(0x45, [0x45]), Decode);
        yield return InSasl("SASL frame without a body", [], Decode);
    }

    private static IEnumerable<Bomb> Messages()
    {
        yield return Message("value of lists 33 deep", Limit, Value(Nest(32, [0x45], static v => List(List(v)))));
        yield return Message("value of described values 10,000 deep", Limit, Value(Cat(Repeat([0x00, 0x53, 1], 10_000), Null)));
        yield return Message("value of an array of 2^32-1 nulls", Decode, Value(Array(uint.MaxValue, [0x40])));
        yield return Message("value of an array of 65,537 ubytes", Limit, Value(Array(65_537, [0x50], new byte[65_537])));
        yield return Message("value of many arrays with 262,145 values in all", Limit,
            Value(List([.. Enumerable.Repeat(Array(250, [0x50], new byte[250]), 1_050)])));
        yield return Message("sequences with 262,145 values in all", Limit,
            [.. Enumerable.Repeat(Section(0x76, Compound(0xd0, 1_000, Repeat(Null, 1_000))), 263)]);
        yield return Message("value cut", Decode, Value([0xb1, 0, 0, 1, 0, 65]));
        yield return Message("value missing", Decode, [0x00, 0x53, 0x77]);
        yield return Message("value of an unknown format code", Decode, Value([0x3f]));
        yield return Message("header with a string as priority", Decode, Section(0x70, List(Null, Text("high"))));
        yield return Message("header with six fields", Decode, Section(0x70, List(Null, Null, Null, Null, Null, Null)));
        yield return Message("properties with a list as message-id", Decode, Section(0x73, List(List(Null))));
        yield return Message("properties with a symbol as to", Decode, Section(0x73, List(Null, Null, Symbol("queue"))));
        yield return Message("properties with fourteen fields", Decode, Section(0x73, List([.. Enumerable.Repeat(Null, 14)])));
        yield return Message("application-properties as list", Decode, Section(0x74, [0x45]));
        yield return Message("application-properties with a key twice", Decode, Section(0x74, Map(Text("a"), Null, Text("a"), Null)));
        yield return Message("application-properties with one of 40 keys twice", Decode,
            Section(0x74, Map([.. Enumerable.Range(0, 40).SelectMany(static i => new[] { Text($"k{i % 39}"), Null })])));
        yield return Message("application-properties with an odd count", Decode, Section(0x74, Map(Text("a"))));
        yield return Message("message-annotations with the key null", Decode, Section(0x72, Map(Null, Null)));
        yield return Message("data of a string", Decode, Section(0x75, Text("text")));
        yield return Message("data of size 2^31", Decode, Section(0x75, Sized(0xb0, 0x80000000)));
        yield return Message("amqp-sequence of a map", Decode, Section(0x76, Map()));
        yield return Message("footer of a list", Decode, Value(Null), Section(0x78, [0x45]));
    }

    private static IEnumerable<Bomb> SectionOrder()
    {
        byte[] header = Section(0x70, [0x45]), annotations = Section(0x72, Map()), properties = Section(0x73, [0x45]);
        byte[] data = Section(0x75, Binary(1)), sequence = Section(0x76, [0x45]), footer = Section(0x78, Map());
        yield return Message("1,025 sections", Limit, Repeat(data, 1_025));
        yield return Message("two headers", Decode, header, header, data);
        yield return Message("header behind properties", Decode, properties, header, data);
        yield return Message("message-annotations before delivery-annotations", Decode, annotations, Section(0x71, Map()), data);
        yield return Message("properties behind the body", Decode, data, properties);
        yield return Message("application-properties behind the body", Decode, data, Section(0x74, Map()));
        yield return Message("data behind the footer", Decode, data, footer, data);
        yield return Message("two footers", Decode, data, footer, footer);
        yield return Message("two amqp-values", Decode, Value(Null), Value(Null));
        yield return Message("data and amqp-value", Decode, data, Value(Null));
        yield return Message("amqp-sequence and data", Decode, sequence, data);
        yield return Message("section of code 0x79", Decode, Section(0x79, [0x45]));
        yield return Message("section of code 0x6f", Decode, Section(0x6f, [0x45]));
        yield return Message("section of which the symbol is a prefix", Decode, [0x00], Symbol("amqp:data:binary2"), Binary(1));
        yield return Message("section of which the symbol is half", Decode, [0x00], Symbol("amqp:data"), Binary(1));
        yield return Message("section without a descriptor", Decode, Text("naked"));
        yield return Message("bytes behind the last section", Decode, data, [0x00]);
    }

    private static byte[] NestedArrays(int depth)
    {
        // Inside an array no element carries a format code, so each level is the constructor 0xf0 and one element.
        var element = Cat(U32(5), U32(0), [0x50]);
        for (var i = 2; i <= depth; i++)
        {
            element = Cat(U32((uint)element.Length + 5), U32(1), [0xf0], element);
        }

        return Cat([0xf0], element);
    }

    private static byte[] Section(byte code, byte[] value) => Described(code, value);

    private static byte[] Value(byte[] value) => Described(0x77, value);

    private static Bomb Before(string name, byte[] frame, string condition) => new(name, frame, BombPlace.FrameBeforeOpen, condition);

    private static Bomb Open(string name, string condition, params byte[][] fields) =>
        Before($"open: {name}", Frame(Described(0x10, List(fields))), condition);

    private static Bomb Property(string name, string condition, byte[] value) =>
        Open($"property: {name}", condition, Text("c"), Null, Null, Null, Null, Null, Null, Null, Null, Map(Symbol("p"), value));

    private static Bomb After(string name, byte[] body, string condition) => new(name, Frame(body), BombPlace.PerformativeAfterOpen, condition);

    private static Bomb InSasl(string name, byte[] body, string condition) => new(name, Frame(body, type: 1), BombPlace.SaslFrame, condition);

    private static Bomb Message(string name, string condition, params byte[][] sections) =>
        new(name, Cat(sections), BombPlace.MessagePayload, condition);
}
