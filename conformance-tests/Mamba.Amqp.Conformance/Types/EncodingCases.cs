using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Messaging;

namespace Mamba.Amqp.Conformance.Types;

/// <summary>Every type in every encoding (AMQP 1.0 §1.6), taken in and given out as it came.</summary>
public static class EncodingCases
{
    private static readonly (string Name, string Section, byte[] Bytes)[] Simple =
    [
        ("null", "1.6.1", [0x40]),
        ("boolean-true", "1.6.2", [0x41]),
        ("boolean-false", "1.6.2", [0x42]),
        ("boolean-octet-true", "1.6.2", [0x56, 0x01]),
        ("boolean-octet-false", "1.6.2", [0x56, 0x00]),
        ("ubyte", "1.6.3", [0x50, 0xff]),
        ("ushort", "1.6.4", [0x60, 0xff, 0xfe]),
        ("uint", "1.6.5", [0x70, 0xff, 0xff, 0xff, 0xfe]),
        ("uint-small", "1.6.5", [0x52, 0xff]),
        ("uint-zero", "1.6.5", [0x43]),
        ("uint-wide-for-small", "1.6.5", [0x70, 0, 0, 0, 5]),
        ("ulong", "1.6.6", [0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]),
        ("ulong-small", "1.6.6", [0x53, 0xff]),
        ("ulong-zero", "1.6.6", [0x44]),
        ("ulong-wide-for-small", "1.6.6", [0x80, 0, 0, 0, 0, 0, 0, 0, 5]),
        ("byte", "1.6.7", [0x51, 0x80]),
        ("short", "1.6.8", [0x61, 0x80, 0x00]),
        ("int", "1.6.9", [0x71, 0x80, 0, 0, 0]),
        ("int-small", "1.6.9", [0x54, 0x80]),
        ("long", "1.6.10", [0x81, 0x80, 0, 0, 0, 0, 0, 0, 0]),
        ("long-small", "1.6.10", [0x55, 0x80]),
        ("float", "1.6.11", [0x72, 0x40, 0x49, 0x0f, 0xdb]),
        ("float-nan", "1.6.11", [0x72, 0x7f, 0xc0, 0x00, 0x01]),
        ("double", "1.6.12", [0x82, 0x40, 0x09, 0x21, 0xfb, 0x54, 0x44, 0x2d, 0x18]),
        ("double-negative-infinity", "1.6.12", [0x82, 0xff, 0xf0, 0, 0, 0, 0, 0, 0]),
        ("decimal32", "1.6.13", [0x74, 0x32, 0x80, 0x00, 0x7b]),
        ("decimal64", "1.6.14", [0x84, 0x31, 0xc0, 0, 0, 0, 0, 0, 0x7b]),
        ("decimal128", "1.6.15", [0x94, 0x30, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x7b]),
        ("char", "1.6.16", [0x73, 0x00, 0x01, 0xf6, 0x00]),
        ("timestamp", "1.6.17", [0x83, 0x00, 0x00, 0x01, 0x93, 0x4f, 0x2c, 0x5c, 0x00]),
        ("timestamp-before-1970", "1.6.17", [0x83, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        ("uuid", "1.6.18", [0x98, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]),
        ("binary8", "1.6.19", [0xa0, 3, 0x00, 0xff, 0x7f]),
        ("binary8-empty", "1.6.19", [0xa0, 0]),
        ("binary32", "1.6.19", [0xb0, 0, 0, 0, 3, 0x00, 0xff, 0x7f]),
        ("string8", "1.6.20", [0xa1, 5, .. "gr\u00fcn"u8]),
        ("string8-empty", "1.6.20", [0xa1, 0]),
        ("string32", "1.6.20", [0xb1, 0, 0, 0, 4, .. "\U0001f600"u8]),
        ("symbol8", "1.6.21", [0xa3, 4, .. "name"u8]),
        ("symbol32", "1.6.21", [0xb3, 0, 0, 0, 4, .. "name"u8]),
    ];

    private static readonly (string Name, string Section, byte[] Bytes)[] Compound =
    [
        ("list0", "1.6.22", [0x45]),
        ("list8", "1.6.22", [0xc0, 3, 2, 0x41, 0x40]),
        ("list8-empty", "1.6.22", [0xc0, 1, 0]),
        ("list32", "1.6.22", [0xd0, 0, 0, 0, 6, 0, 0, 0, 2, 0x41, 0x40]),
        ("list-nested", "1.6.22", [0xc0, 6, 2, 0xc0, 2, 1, 0x45, 0x43]),
        ("map8", "1.6.23", [0xc1, 6, 2, 0xa1, 1, (byte)'k', 0x52, 7]),
        ("map8-empty", "1.6.23", [0xc1, 1, 0]),
        ("map32", "1.6.23", [0xd1, 0, 0, 0, 9, 0, 0, 0, 2, 0xa1, 1, (byte)'k', 0x52, 7]),
        ("map-of-symbol-and-uint-keys", "1.6.23", [0xc1, 8, 4, 0xa3, 1, (byte)'k', 0x40, 0x52, 7, 0x41]),
        ("array8-of-int", "1.6.24", [0xe0, 10, 2, 0x71, 0, 0, 0, 1, 0, 0, 0, 2]),
        ("array32-of-string8", "1.6.24", [0xf0, 0, 0, 0, 9, 0, 0, 0, 2, 0xa1, 1, (byte)'a', 1, (byte)'b']),
        ("array8-of-symbol32", "1.6.24", [0xe0, 12, 2, 0xb3, 0, 0, 0, 1, (byte)'a', 0, 0, 0, 1, (byte)'b']),
        ("array8-of-boolean", "1.6.24", [0xe0, 4, 2, 0x56, 0, 1]),
        ("array8-empty", "1.6.24", [0xe0, 2, 0, 0x71]),
        ("array-of-lists", "1.6.24", [0xe0, 7, 2, 0xc0, 1, 0, 2, 1, 0x41]),
        ("described-by-ulong", "1.1.2", [0x00, 0x80, 0, 0, 0x12, 0x34, 0, 0, 0, 1, 0xa1, 1, (byte)'v']),
        ("described-by-symbol", "1.1.2", [0x00, 0xa3, 3, .. "a:b"u8, 0x54, 1]),
        ("described-list", "1.1.2", [0x00, 0xa3, 3, .. "a:b"u8, 0xc0, 3, 2, 0x41, 0x40]),
        ("described-in-list", "1.1.2", [0xc0, 9, 2, 0x00, 0xa3, 3, .. "a:b"u8, 0x41, 0x40]),
    ];

    [CaseFamily]
    public static IEnumerable<ConformanceCase> Family()
    {
        foreach (var (name, section, bytes) in Simple)
        {
            yield return Make(name, section, $"{name}: taken and given out with its type and value, as body and as application property", bytes, simple: true);
        }

        foreach (var (name, section, bytes) in Compound)
        {
            yield return Make(name, section, $"{name}: taken and given out with its type and value, as body", bytes, simple: false);
        }
    }

    private static ConformanceCase Make(string name, string section, string title, byte[] value, bool simple) =>
        ConformanceCase.Of(typeof(EncodingCases), $"TYPE-{name}", section, title, "", async c =>
        {
            var session = await c.BeginAsync();
            var queue = await c.QueueAsync();
            var sender = await session.SendToAsync(queue);
            var receiver = await session.ReceiveFromAsync(queue);
            await RoundTripAsync(sender, receiver, Raw.Section(0x77, value));
            if (simple)
            {
                byte[] entry = [0xa1, 1, (byte)'p', .. value];
                await RoundTripAsync(sender, receiver, [.. Raw.Section(0x74, [0xc1, (byte)(entry.Length + 1), 2, .. entry]), .. Raw.Section(0x77, [0x41])]);
            }
        });

    // That the very bytes are kept, as the specification wants, is for SECTION-01, SECTION-08 and SECTION-22.
    private static async Task RoundTripAsync(SenderLink sender, ReceiverLink receiver, byte[] message)
    {
        await sender.SendAcceptedAsync(message);
        var received = (await receiver.TakeAsync()).Message;
        var sent = AmqpMessage.Decode(message);
        Check.Equal(received.Value, sent.Value, "the body");
        if (sent.ApplicationProperties is { } properties)
        {
            Check.Equal(received.ApplicationProperties?["p"], properties["p"], "the application property");
        }
    }

    /// <summary>The part of a message that no intermediary may change: from properties to the body.</summary>
    internal static byte[] BareMessage(byte[] payload)
    {
        var layout = MessageScanner.Scan(payload);
        var end = layout.Footer.IsPresent ? layout.Footer.Offset : payload.Length;
        return payload[layout.BareMessageOffset..end];
    }
}
