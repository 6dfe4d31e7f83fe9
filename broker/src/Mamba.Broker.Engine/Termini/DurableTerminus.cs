namespace Mamba.Broker.Engine;

/// <summary>A terminus whose unsettled state is in the journal. See <see cref="MessageEngine.DefineTerminusAsync"/>.</summary>
public sealed class DurableTerminus
{
    internal DurableTerminus(TerminusDefinition definition, ReceiptBook? receipts)
    {
        Definition = definition;
        Receipts = receipts;
    }

    /// <summary>Its number; later ones are higher.</summary>
    public uint Id => Definition.Id;

    /// <summary>Whose it is.</summary>
    public TerminusKey Key => Definition.Key;

    /// <summary>What the front-end gave with it.</summary>
    public ReadOnlyMemory<byte> Settings => Definition.Settings;

    /// <summary>Incoming: the tags that are not settled; null for an outgoing one.</summary>
    public ReceiptBook? Receipts { get; }

    /// <summary>Outgoing: what it held when the broker stopped; null for an incoming one, and for one made since.</summary>
    public HeldMessages? Recovered { get; internal set; }

    internal TerminusDefinition Definition { get; }
}
