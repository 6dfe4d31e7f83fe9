using Mamba.Broker.Engine;
using Mamba.Broker.Server.Connections;

namespace Mamba.Broker.Server.Links.Resumption;

/// <summary>Our end of a resumable link, which outlives the link itself. Who has it (a link, or the registry while the link is suspended) alone touches it.</summary>
internal abstract class LinkTerminus(LinkIdentity identity, ResumptionTerms terms)
{
    public LinkIdentity Identity { get; } = identity;

    public ResumptionTerms Terms { get; set; } = terms;

    /// <summary>Its state in the journal, or null.</summary>
    public DurableTerminus? Durable { get; set; }

    /// <summary>Whether a link has it. Guarded by the registry.</summary>
    public bool IsAttached { get; set; } = true;

    /// <summary>When it expires, in the server's monotonic milliseconds. Guarded by the registry.</summary>
    public long Deadline { get; set; } = long.MaxValue;

    /// <summary>Rises with each suspension. Guarded by the registry.</summary>
    public int Suspensions { get; set; }

    /// <summary>Whether its last link was lost, not ended in order.</summary>
    public bool IsLost { get; set; }

    /// <summary>Deliveries that it has unsettled; best effort.</summary>
    public abstract long UnsettledCount { get; }

    /// <summary>Gives back what it holds: it is no more.</summary>
    public abstract void Release();
}

/// <summary>Of a link on which we send: messages that nobody else gets meanwhile.</summary>
internal sealed class OutgoingTerminus(LinkIdentity identity, ResumptionTerms terms) : LinkTerminus(identity, terms)
{
    /// <summary>What its link held when it was suspended; null while a link has it.</summary>
    public HeldMessages? Held { get; set; }

    public override long UnsettledCount => Held?.Count ?? 0;

    public override void Release()
    {
        Held?.Release(IsLost ? SettleOnClose.Failed : SettleOnClose.Released);
        Held = null;
    }
}
