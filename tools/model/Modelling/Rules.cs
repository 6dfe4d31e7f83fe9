namespace Mamba.Tools.Model.Modelling;

/// <summary>What the broker under test is set to, and the rules that a test of this harness may break on purpose.</summary>
internal sealed record Rules
{
    /// <summary>Failed deliveries after which a message is dead-lettered.</summary>
    public int MaxDeliveries { get; init; } = 3;

    public bool PriorityCounts { get; init; } = true;

    public bool RollbackCounts { get; init; } = true;

    public bool ExpiryCounts { get; init; } = true;

    public bool NonDurableVanish { get; init; } = true;

    public bool LossCounts { get; init; } = true;

    public bool GroupsBelong { get; init; } = true;

    public bool UnsubscribeDeletes { get; init; } = true;
}
