using Mamba.Amqp.Codec;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Conformance.Wire;

/// <summary>A frame off the wire.</summary>
/// <param name="Body">The performative or SASL frame body; null for an empty frame.</param>
/// <param name="Payload">What follows the performative; empty for all but transfers.</param>
/// <param name="Bytes">The whole frame as it came, header included.</param>
public sealed record AmqpFrame(FrameHeader Header, IAmqpEncodable? Body, byte[] Payload, byte[] Bytes)
{
    public ushort Channel => Header.Channel;

    public static AmqpFrame Decode(FrameHeader header, ReadOnlySpan<byte> bytes)
    {
        var body = bytes[(header.DataOffset * 4)..];
        if (body.IsEmpty)
        {
            return new AmqpFrame(header, null, [], bytes.ToArray());
        }

        var reader = new AmqpReader(body);
        var performative = header.Type == FrameType.Sasl ? PerformativeCodec.ReadSasl(ref reader) : PerformativeCodec.Read(ref reader);
        return new AmqpFrame(header, performative, reader.Rest.ToArray(), bytes.ToArray());
    }
}
