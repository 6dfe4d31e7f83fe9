using Mamba.Amqp.Codec;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Messaging;

/// <summary>
/// The accepted outcome (AMQP 1.0 §3.4.2) with one field more than the standard's none: a map that says more about it. The descriptor
/// is that of accepted, so whoever looks no further sees nothing else. To be sent only where the peer asked for it, as a decoder may
/// refuse a field that the standard does not know. Immutable.
/// </summary>
public sealed class MarkedAccepted : Outcome
{
    private static readonly Symbol DuplicateKey = new("mamba:duplicate");

    /// <summary>The message was left out, because one with its id was accepted before: <c>{mamba:duplicate: true}</c>.</summary>
    public static readonly MarkedAccepted Duplicate = new(new AmqpMap { { DuplicateKey, true } });

    private readonly AmqpMap _marks;

    private MarkedAccepted(AmqpMap marks) => _marks = marks;

    /// <summary>Reads accepted after its descriptor: with marks that are known here, or plain. Other fields are refused as the standard says.</summary>
    public static Outcome ReadFields(ref AmqpReader reader)
    {
        var ahead = reader;
        if (ahead.PeekCode() is not FormatCode.List0 && ahead.BeginList(out _) == 1 && ahead.PeekCode() is FormatCode.Map8 or FormatCode.Map32
            && ahead.ReadMap()[DuplicateKey] is true)
        {
            reader = ahead;
            return Duplicate;
        }

        return Accepted.ReadFields(ref reader);
    }

    /// <inheritdoc/>
    public override Symbol Name => Accepted.Instance.Name;

    /// <inheritdoc/>
    public override void Write(AmqpWriter writer)
    {
        writer.WriteDescriptor(Accepted.Descriptor);
        var start = writer.BeginList();
        writer.WriteMap(_marks);
        writer.EndList(start, 1);
    }

    /// <summary>For logs.</summary>
    public override string ToString() => $"accepted {AmqpValue.ToString(_marks)}";
}
