namespace Mamba.Broker.Engine;

/// <summary>What a settlement set in motion.</summary>
internal enum SettleStep : byte
{
    /// <summary>The token is not held by this consumer.</summary>
    Unknown,

    /// <summary>In force; nothing to wait for.</summary>
    Done,

    /// <summary>In force; its removal is in the effects and goes to the journal.</summary>
    Removing,

    /// <summary>A move is in the effects.</summary>
    Moving,

    /// <summary>A merge of annotations is in the effects.</summary>
    Merging,
}
