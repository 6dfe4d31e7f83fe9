using System.Text;
using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Conformance.Transport;

/// <summary>Version negotiation (AMQP 1.0 §2.2).</summary>
public static class HeaderCases
{
    [Case("HEADER-01", "2.2", "A supported protocol header is answered with the same header", Covers = "transport.2.2-1 transport.2.2-7")]
    public static async Task Supported(CaseContext c)
    {
        var wire = await c.GreetAsync();
        await wire.SendAsync(new Open { ContainerId = c.Name() });
        await wire.ExpectAsync<Open>();
    }

    [Case("HEADER-02", "2.2", "A bare AMQP header is taken, or answered with the SASL header and a closed socket",
        Covers = "transport.2.2-12", Traps = "4")]
    public static async Task Bare(CaseContext c)
    {
        var wire = await c.ConnectAsync();
        await wire.SendHeaderAsync(ProtocolHeader.Amqp);
        var answer = await wire.ExpectHeaderAsync();
        if (answer == ProtocolHeader.Amqp)
        {
            await wire.SendAsync(new Open { ContainerId = c.Name(), Hostname = c.Broker.Host });
            await wire.ExpectAsync<Open>();
            return;
        }

        Check.Equal(answer, ProtocolHeader.Sasl);
        await wire.ExpectEndOfStreamAsync();
    }

    [Case("HEADER-03", "2.2", "An unsupported version is answered with a supported header, then the socket is closed",
        Covers = "transport.2.2-3 transport.2.2-8")]
    public static Task UnsupportedVersion(CaseContext c) => MismatchAsync(c, Raw.Header(0, 2, 0, 0));

    [Case("HEADER-04", "2.2", "A newer minor version is answered with 1.0.0, the highest version below it", Covers = "transport.2.2-9")]
    public static Task NewerMinor(CaseContext c) => MismatchAsync(c, Raw.Header(0, 1, 1, 0), highest: true);

    [Case("HEADER-05", "2.2", "A version below every supported one is answered with the highest supported", Covers = "transport.2.2-10")]
    public static Task OlderVersion(CaseContext c) => MismatchAsync(c, Raw.Header(0, 0, 1, 0), highest: true);

    [Case("HEADER-06", "2.2", "Bytes that are no protocol header are answered with a valid header, then the socket is closed",
        Covers = "transport.2.2-11")]
    public static Task Garbage(CaseContext c) => MismatchAsync(c, Encoding.ASCII.GetBytes("HELO sir"));

    [Case("HEADER-07", "2.2", "An unknown protocol id is answered with an acceptable one, then the socket is closed",
        Covers = "transport.2.2-12")]
    public static Task UnknownId(CaseContext c) => MismatchAsync(c, Raw.Header(9, 1, 0, 0));

    [Case("HEADER-08", "2.2", "A newer revision is answered with a supported header, then the socket is closed")]
    public static Task NewerRevision(CaseContext c) => MismatchAsync(c, Raw.Header(0, 1, 0, 1));

    [Case("HEADER-09", "2.2", "A protocol header may come byte by byte")]
    public static async Task ByteByByte(CaseContext c)
    {
        var wire = await c.ConnectAsync();
        foreach (var b in Raw.Header(3, 1, 0, 0))
        {
            await wire.SendBytesAsync([b]);
        }

        await wire.ExpectHeaderAsync(ProtocolHeader.Sasl);
    }

    [Case("HEADER-10", "2.2", "A TLS header on a plain port is answered with its own header, or with a supported one and a closed socket",
        Covers = "security.5.2-1")]
    public static async Task Tls(CaseContext c)
    {
        var wire = await c.ConnectAsync();
        await wire.SendHeaderAsync(ProtocolHeader.Tls);
        if (await wire.ExpectHeaderAsync() != ProtocolHeader.Tls)
        {
            await wire.ExpectEndOfStreamAsync();
        }
    }

    [Case("HEADER-11", "2.2", "A connection that ends in the middle of the header does no harm")]
    public static async Task CutHeader(CaseContext c)
    {
        var wire = await c.ConnectAsync();
        await wire.SendBytesAsync("AMQ"u8.ToArray());
        wire.Reset();
        await (await c.OpenAsync()).CloseAsync();
    }

    // A broker may know other versions of AMQP than 1.0, and answer with one of them where any supported one will do.
    private static async Task MismatchAsync(CaseContext c, byte[] header, bool highest = false)
    {
        var wire = await c.ConnectAsync();
        await wire.SendBytesAsync(header);
        var answer = await wire.ExpectHeaderAsync();
        Check.That(
            !highest || answer == ProtocolHeader.Amqp || answer == ProtocolHeader.Sasl || answer == ProtocolHeader.Tls,
            $"a header of AMQP 1.0.0, its SASL or its TLS layer, and {answer} came");
        await wire.ExpectEndOfStreamAsync();
    }
}
