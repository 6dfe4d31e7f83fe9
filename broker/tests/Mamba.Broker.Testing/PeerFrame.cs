using Mamba.Amqp.Codec;
using Mamba.Amqp.Sasl;
using Mamba.Amqp.Transport;

namespace Mamba.Broker.Testing;

/// <summary>One frame off the wire.</summary>
/// <param name="Channel">The channel it came on; 0 for SASL frames.</param>
/// <param name="Performative">The performative or SASL frame body; null for an empty frame.</param>
/// <param name="Payload">What follows a transfer; empty otherwise.</param>
public sealed record PeerFrame(ushort Channel, object? Performative, byte[] Payload)
{
    internal static PeerFrame Decode(ushort channel, ReadOnlySpan<byte> body)
    {
        if (body.IsEmpty)
        {
            return new PeerFrame(channel, null, []);
        }

        var reader = new AmqpReader(body);
        var performative = DecodeFields(reader.ReadDescriptor(), ref reader);
        return new PeerFrame(channel, performative, reader.Rest.ToArray());
    }

    private static object DecodeFields(ulong code, ref AmqpReader reader) => code switch
    {
        Open.Descriptor => Open.ReadFields(ref reader),
        Begin.Descriptor => Begin.ReadFields(ref reader),
        Attach.Descriptor => Attach.ReadFields(ref reader),
        Flow.Descriptor => Flow.ReadFields(ref reader),
        Transfer.Descriptor => Transfer.ReadFields(ref reader),
        Disposition.Descriptor => Disposition.ReadFields(ref reader),
        Detach.Descriptor => Detach.ReadFields(ref reader),
        End.Descriptor => End.ReadFields(ref reader),
        Close.Descriptor => Close.ReadFields(ref reader),
        SaslMechanisms.Descriptor => SaslMechanisms.ReadFields(ref reader),
        SaslInit.Descriptor => SaslInit.ReadFields(ref reader),
        SaslChallenge.Descriptor => SaslChallenge.ReadFields(ref reader),
        SaslResponse.Descriptor => SaslResponse.ReadFields(ref reader),
        SaslOutcome.Descriptor => SaslOutcome.ReadFields(ref reader),
        _ => throw new InvalidDataException($"a frame holds {DescriptorCode.NameOf(code)}, which is no performative"),
    };
}
