namespace Mamba.Broker.Engine;

/// <summary>
/// What a window remembers of a message's id: 128 bits of a keyed hash (see <see cref="SipHash128"/>). Two ids that share them would
/// be taken for one: for a new id among a million known ones with a probability of 2^-108, and nobody who does not know the journal's number can look for such a pair.
/// </summary>
public readonly record struct DuplicateId
{
    internal DuplicateId(UInt128 value) => Value = value == UInt128.Zero ? UInt128.One : value;

    /// <summary>True for a message that is not checked.</summary>
    public bool IsNone => Value == UInt128.Zero;

    internal UInt128 Value { get; }
}
