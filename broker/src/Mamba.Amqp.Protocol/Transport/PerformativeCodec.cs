using Mamba.Amqp.Codec;
using Mamba.Amqp.Sasl;

namespace Mamba.Amqp.Transport;

/// <summary>
/// Reads performatives whose type is not known beforehand. A hot path calls <see cref="AmqpReader.ReadDescriptor()"/> itself, switches
/// over the codes and calls the type's own <c>ReadFields</c>, which keeps transfer, flow and disposition off the heap.
/// </summary>
public static class PerformativeCodec
{
    /// <summary>Reads the performative of an AMQP frame, boxed where it is a struct. A payload may follow it.</summary>
    /// <exception cref="AmqpException">amqp:decode-error when it is no performative.</exception>
    public static IAmqpEncodable Read(ref AmqpReader reader)
    {
        var code = reader.ReadDescriptor();
        return code switch
        {
            Transfer.Descriptor => Transfer.ReadFields(ref reader),
            Disposition.Descriptor => Disposition.ReadFields(ref reader),
            Flow.Descriptor => Flow.ReadFields(ref reader),
            Open.Descriptor => Open.ReadFields(ref reader),
            Begin.Descriptor => Begin.ReadFields(ref reader),
            Attach.Descriptor => Attach.ReadFields(ref reader),
            Detach.Descriptor => Detach.ReadFields(ref reader),
            End.Descriptor => End.ReadFields(ref reader),
            Close.Descriptor => Close.ReadFields(ref reader),
            _ => throw Unknown(code, "performative"),
        };
    }

    /// <summary>Reads the body of a SASL frame.</summary>
    /// <exception cref="AmqpException">amqp:decode-error when it is none.</exception>
    public static IAmqpEncodable ReadSasl(ref AmqpReader reader)
    {
        var code = reader.ReadDescriptor();
        return code switch
        {
            SaslMechanisms.Descriptor => SaslMechanisms.ReadFields(ref reader),
            SaslInit.Descriptor => SaslInit.ReadFields(ref reader),
            SaslChallenge.Descriptor => SaslChallenge.ReadFields(ref reader),
            SaslResponse.Descriptor => SaslResponse.ReadFields(ref reader),
            SaslOutcome.Descriptor => SaslOutcome.ReadFields(ref reader),
            _ => throw Unknown(code, "step of the SASL exchange"),
        };
    }

    /// <summary>The failure for a frame body that is of no expected type.</summary>
    public static AmqpException Unknown(ulong code, string wanted) =>
        new(ErrorCondition.DecodeError, $"{DescriptorCode.NameOf(code)} is no {wanted}");
}
