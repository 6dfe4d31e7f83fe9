using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Sasl;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Conformance.Types;

/// <summary>Composite types in every encoding a client may choose (AMQP 1.0 §1.4, §1.6).</summary>
public static class CompositeCases
{
    [Case("COMPOSITE-01", "1.3", "A descriptor may be a symbol", Traps = "44")]
    public static Task SymbolDescriptor(CaseContext c) => OpenAsync(c, Raw.Described([0xa3, 14, .. "amqp:open:list"u8], Raw.List32(c.Name())));

    [Case("COMPOSITE-02", "1.3", "A descriptor may be a sym32")]
    public static Task Symbol32Descriptor(CaseContext c) => OpenAsync(c, Raw.Described([0xb3, 0, 0, 0, 14, .. "amqp:open:list"u8], Raw.List32(c.Name())));

    [Case("COMPOSITE-03", "1.3", "A descriptor may be a ulong of eight bytes")]
    public static Task WideDescriptor(CaseContext c) => OpenAsync(c, Raw.Described([0x80, 0, 0, 0, 0, 0, 0, 0, 0x10], Raw.List32(c.Name())));

    [Case("COMPOSITE-04", "1.6.22", "The fields may be a list8")]
    public static Task SmallList(CaseContext c) => OpenAsync(c, Raw.Described([0x53, 0x10], Raw.List8(c.Name())));

    [Case("COMPOSITE-05", "1.4", "Fields at the end may be null, or left out", Traps = "50")]
    public static Task TrailingNulls(CaseContext c) =>
        OpenAsync(c, Raw.Described([0x53, 0x10], Raw.List8(c.Name(), null, null, null, null, null, null, null, null, null)));

    [Case("COMPOSITE-06", "1.6.22", "Strings and numbers of fields may be in their widest encoding")]
    public static Task WideFields(CaseContext c)
    {
        var name = System.Text.Encoding.UTF8.GetBytes(c.Name());
        return OpenAsync(c, Raw.Described([0x53, 0x10], Raw.List32(
            new Verbatim([0xb1, .. Raw.U32((uint)name.Length), .. name]), null, new Verbatim([0x70, 0, 0, 2, 0]), new Verbatim([0x60, 0, 5]))));
    }

    [Case("COMPOSITE-07", "1.6.22", "A composite without fields may be a list0, an empty list8 or an empty list32")]
    public static async Task NoFields(CaseContext c)
    {
        var peer = await c.OpenAsync();
        foreach (var list in new byte[][] { [0x45], [0xc0, 1, 0], [0xd0, 0, 0, 0, 4, 0, 0, 0, 0] })
        {
            var session = await peer.BeginAsync();
            await peer.Wire.SendBytesAsync(Raw.Frame([0x00, 0x53, 0x17, .. list]), $"[0] end as {Convert.ToHexStringLower(list)}");
            Check.NoError((await session.ExpectAsync<End>()).Error);
        }
    }

    [Case("COMPOSITE-08", "1.4", "A field of several values may come as one value without array", Traps = "50")]
    public static Task SingleForMultiple(CaseContext c) => CapabilitiesAsync(c, [0xa3, 5, .. "queue"u8]);

    [Case("COMPOSITE-09", "1.4", "A field of several values may come as array8")]
    public static Task Array8(CaseContext c) => CapabilitiesAsync(c, [0xe0, 8, 1, 0xa3, 5, .. "queue"u8]);

    [Case("COMPOSITE-10", "1.4", "A field of several values may come as array32 of sym32")]
    public static Task Array32(CaseContext c) =>
        CapabilitiesAsync(c, [0xf0, 0, 0, 0, 14, 0, 0, 0, 1, 0xb3, 0, 0, 0, 5, .. "queue"u8]);

    [Case("COMPOSITE-11", "1.4", "A field of several values may be null")]
    public static Task NullForMultiple(CaseContext c) => CapabilitiesAsync(c, [0x40]);

    [Case("COMPOSITE-12", "1.6.2", "Flags may be in either encoding of boolean")]
    public static async Task Booleans(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        var sender = await session.SendToAsync(queue);
        await sender.NeedCreditAsync();
        byte[] body =
        [
            .. Raw.Composite(Transfer.Descriptor, sender.Handle, 0u, new byte[] { 1 }, 0u, new Verbatim(0x56, 0x00), new Verbatim(0x56, 0x00)),
            .. AmqpMessage.FromValue("x").Encode(),
        ];
        await session.Wire.SendBytesAsync(Raw.Frame(body), "[0] transfer with flags in two bytes each");
        sender.Count();
        Check.Is<Accepted>(await sender.OutcomeAsync(0));
    }

    [Case("COMPOSITE-13", "1.4", "A mandatory field of several values has at least one: the SASL mechanisms", Covers = "types.1.4-1")]
    public static async Task Mandatory(CaseContext c)
    {
        var wire = await c.ConnectAsync();
        await wire.SendHeaderAsync(ProtocolHeader.Sasl);
        await wire.ExpectHeaderAsync(ProtocolHeader.Sasl);
        Check.That((await wire.ExpectAsync<SaslMechanisms>()).SaslServerMechanisms.Length > 0, "at least one mechanism");
    }

    [Case("COMPOSITE-14", "1.6.20", "A string that is not UTF-8 is an error")]
    public static async Task BadUtf8(CaseContext c)
    {
        var peer = await c.OpenAsync();
        await peer.SendRawAsync(Attach.Descriptor, "attach whose name is no UTF-8", new Verbatim(0xa1, 2, 0xc3, 0x28), 0u, true);
        await Peer.ExpectCloseAsync(peer.Wire);
    }

    [Case("COMPOSITE-15", "1.6.23", "A map with an odd number of items is an error")]
    public static async Task OddMap(CaseContext c)
    {
        var peer = await c.OpenAsync();
        await peer.SendRawAsync(Begin.Descriptor, "begin whose properties are half a pair", null, 0u, 10u, 10u, null, null, null, new Verbatim(0xc1, 3, 1, 0xa3, 0));
        await Peer.ExpectCloseAsync(peer.Wire);
    }

    [Case("COMPOSITE-16", "1.6.22", "A list that claims 2^32-1 items in a few bytes is an error, and costs nothing")]
    public static async Task HugeCount(CaseContext c)
    {
        var peer = await c.OpenAsync();
        await peer.Wire.SendBytesAsync(Raw.Frame([0x00, 0x53, 0x11, 0xd0, 0, 0, 0, 8, 0xff, 0xff, 0xff, 0xff, 0x40, 0x40, 0x40, 0x40]));
        await Peer.ExpectCloseAsync(peer.Wire);
    }

    [Case("COMPOSITE-17", "1.6.22", "Lists nested two thousand deep do no harm")]
    public static async Task Deep(CaseContext c)
    {
        var peer = await c.OpenAsync();
        byte[] nested = [0x45];
        for (var i = 0; i < 2000; i++)
        {
            nested = [0xd0, .. Raw.U32((uint)nested.Length + 4), 0, 0, 0, 1, .. nested];
        }

        byte[] entry = [0xa3, 1, (byte)'x', .. nested];
        byte[] map = [0xd1, .. Raw.U32((uint)entry.Length + 4), 0, 0, 0, 2, .. entry];
        await peer.Wire.SendBytesAsync(Raw.Frame(Raw.Composite(Begin.Descriptor, null, 0u, 10u, 10u, null, null, null, new Verbatim(map))), "[0] begin with deep properties");
        var frame = Check.Present(await peer.Wire.NextAsync("begin or close"), "begin or close");
        Check.That(frame.Body is Begin or Close, $"begin or close, and {frame.Body} came");
        await (await c.OpenAsync()).CloseAsync();
    }

    private static async Task OpenAsync(CaseContext c, byte[] open)
    {
        var wire = await c.GreetAsync();
        await wire.SendBytesAsync(Raw.Frame(open), $"[0] open as {WireTrace.Hex(open)}");
        await wire.ExpectAsync<Open>();
    }

    private static async Task CapabilitiesAsync(CaseContext c, byte[] capabilities)
    {
        var queue = await c.QueueAsync();
        var session = await c.BeginAsync();
        var target = Raw.Composite(Target.Descriptor, queue, null, null, null, null, null, new Verbatim(capabilities));
        await session.Peer.SendRawAsync(
            Attach.Descriptor, "attach", c.Name(), 0u, false, null, null, new Source(), new Verbatim(target), null, null, 0u);
        Check.Present((await session.ExpectAsync<Attach>()).Target, "a target in the attach");
    }
}
