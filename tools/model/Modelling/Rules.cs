namespace Mamba.Tools.Model.Modelling;

/// <summary>What the broker under test is set to, and the rules that a test of this harness may break on purpose.</summary>
internal sealed record Rules
{
    /// <summary>Failed deliveries after which a message is dead-lettered.</summary>
    public int MaxDeliveries { get; init; } = 3;

    /// <summary>Milliseconds of the first wait on queues whose failed deliveries wait.</summary>
    public int RetryDelay { get; init; } = RetrySchedule.FirstDelay;

    public bool PriorityCounts { get; init; } = true;

    public bool RollbackCounts { get; init; } = true;

    public bool ExpiryCounts { get; init; } = true;

    public bool NonDurableVanish { get; init; } = true;

    public bool LossCounts { get; init; } = true;

    public bool GroupsBelong { get; init; } = true;

    public bool UnsubscribeDeletes { get; init; } = true;

    /// <summary>Consumers with selectors get groups, and keep them.</summary>
    public bool SelectorsTakeGroups { get; init; } = true;

    /// <summary>On queues for it a failed delivery waits for its next try.</summary>
    public bool RetriesWait { get; init; } = true;

    /// <summary>On queues for it a group waits behind its failed delivery.</summary>
    public bool RetriesKeepOrder { get; init; } = true;

    /// <summary>On queues for it a message replaces the older one with its key.</summary>
    public bool LastValuesReplace { get; init; } = true;

    /// <summary>One that was replaced while somebody held it is dropped when it comes back.</summary>
    public bool ReplacedAreDropped { get; init; } = true;

    /// <summary>Temporary nodes end with the link that made them.</summary>
    public bool TemporaryEnd { get; init; } = true;

    /// <summary>When the connection is lost, they wait for its client.</summary>
    public bool TemporaryWait { get; init; } = true;

    /// <summary>Only the connection that made them may consume from them.</summary>
    public bool TemporaryAreOwn { get; init; } = true;

    /// <summary>Links to a deleted node end.</summary>
    public bool DeletionDetaches { get; init; } = true;

    /// <summary>A deleted queue takes its messages with it.</summary>
    public bool DeletionEmpties { get; init; } = true;

    /// <summary>A transaction that sent to a deleted queue cannot be committed.</summary>
    public bool DeletionDooms { get; init; } = true;
}
