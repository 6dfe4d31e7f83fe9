using Mamba.Broker.Engine;
using Mamba.Broker.Server.Links;

namespace Mamba.Broker.Server.Connections;

/// <summary>
/// What other threads have for a connection, kept until its next turn: results of publishing, settling and committing, links
/// with messages waiting, and rare actions. Posting holds a lock for the length of a list append; taking swaps the lists. Thread-safe for
/// posting; taking is the turn's.
/// </summary>
internal sealed class Mailbox
{
    private readonly Lock _gate = new();
    private Letters _arriving = new();
    private Letters _taken = new();

    /// <summary>Posts results of publishing for a link. Returns true when the mailbox was empty, so that one signal wakes one turn.</summary>
    public bool PostPublished(InboundLink link, ReadOnlySpan<PublishResult> results)
    {
        lock (_gate)
        {
            var wasEmpty = _arriving.IsEmpty;
            foreach (var result in results)
            {
                _arriving.Published.Add(new PublishedLetter(link, result));
            }

            return wasEmpty;
        }
    }

    public bool PostSettled(OutboundLink link, ReadOnlySpan<SettleResult> results)
    {
        lock (_gate)
        {
            var wasEmpty = _arriving.IsEmpty;
            foreach (var result in results)
            {
                _arriving.Settled.Add(new SettledLetter(link, result));
            }

            return wasEmpty;
        }
    }

    public bool PostCommitted(OpenTransaction transaction, CommitOutcome outcome, string? reason)
    {
        lock (_gate)
        {
            var wasEmpty = _arriving.IsEmpty;
            _arriving.Committed.Add(new CommittedLetter(transaction, outcome, reason));
            return wasEmpty;
        }
    }

    public bool PostReady(OutboundLink link)
    {
        lock (_gate)
        {
            var wasEmpty = _arriving.IsEmpty;
            _arriving.Ready.Add(link);
            return wasEmpty;
        }
    }

    public bool PostAction(Action action)
    {
        lock (_gate)
        {
            var wasEmpty = _arriving.IsEmpty;
            _arriving.Actions.Add(action);
            return wasEmpty;
        }
    }

    /// <summary>Takes everything posted so far, or null when there is nothing. Valid until the next call.</summary>
    public Letters? Take()
    {
        _taken.Clear();
        lock (_gate)
        {
            if (_arriving.IsEmpty)
            {
                return null;
            }

            (_arriving, _taken) = (_taken, _arriving);
            return _taken;
        }
    }

    internal readonly record struct PublishedLetter(InboundLink Link, PublishResult Result);

    internal readonly record struct SettledLetter(OutboundLink Link, SettleResult Result);

    internal readonly record struct CommittedLetter(OpenTransaction Transaction, CommitOutcome Outcome, string? Reason);

    internal sealed class Letters
    {
        public List<PublishedLetter> Published { get; } = [];

        public List<SettledLetter> Settled { get; } = [];

        public List<CommittedLetter> Committed { get; } = [];

        public List<OutboundLink> Ready { get; } = [];

        public List<Action> Actions { get; } = [];

        public bool IsEmpty => Published.Count == 0 && Settled.Count == 0 && Committed.Count == 0 && Ready.Count == 0 && Actions.Count == 0;

        public void Clear()
        {
            Published.Clear();
            Settled.Clear();
            Committed.Clear();
            Ready.Clear();
            Actions.Clear();
        }
    }
}
