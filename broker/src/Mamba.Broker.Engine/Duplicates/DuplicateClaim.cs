namespace Mamba.Broker.Engine;

/// <summary>What a window says of an id.</summary>
internal enum ClaimOutcome : byte
{
    /// <summary>It was not known; it is taken until it is confirmed or given up.</summary>
    Claimed,

    /// <summary>A message with it is stored.</summary>
    Known,

    /// <summary>A message with it is on its way to the disk: nothing can be said before it is there.</summary>
    Pending,
}

/// <summary>Who waits to hear what becomes of a message whose id he has too.</summary>
/// <param name="Observer">The sender of a duplicate, or null.</param>
/// <param name="Token">Its token.</param>
/// <param name="Commit">A commit that cannot go on before, or null.</param>
internal readonly record struct ClaimWaiter(IPublishObserver? Observer, long Token, CommitRecord? Commit)
{
    public void Tell(PublishOutcome outcome)
    {
        Observer?.OnPublished([new PublishResult(Token, outcome)]);
        Commit?.ResumeSoon();
    }
}

/// <summary>An id that was claimed.</summary>
/// <param name="Position">Its place in the window.</param>
/// <param name="Sequence">Its number, which goes into the record.</param>
/// <param name="Seconds">When, in Unix seconds.</param>
internal readonly record struct IdClaim(long Position, ulong Sequence, uint Seconds);
