using Mamba.Broker.Engine;
using Mamba.Broker.Server.Links;

namespace Mamba.Broker.Server.Connections;

/// <summary>
/// What other threads have for a connection, kept until its next turn: results of publishing, settling and committing, links
/// with messages waiting, and rare actions. Posting holds a lock for the length of a list append, and signals the owner when it is the first
/// since the last taking; taking swaps the lists. Thread-safe for posting; taking is the turn's.
/// </summary>
internal sealed class Mailbox(TurnExecutor owner)
{
    private readonly Lock _gate = new();
    private Letters _arriving = new();
    private Letters? _taken;

    /// <summary>Results of publishing for a link.</summary>
    public void Post(InboundLink link, ReadOnlySpan<PublishResult> results) =>
        Post(new Bundle<InboundLink, PublishResult>(link, results), static (letters, bundle) =>
        {
            foreach (var result in bundle.Results)
            {
                letters.Published.Add(new PublishedLetter(bundle.Link, result));
            }
        });

    /// <summary>Results of settling for a link.</summary>
    public void Post(OutboundLink link, ReadOnlySpan<SettleResult> results) =>
        Post(new Bundle<OutboundLink, SettleResult>(link, results), static (letters, bundle) =>
        {
            foreach (var result in bundle.Results)
            {
                letters.Settled.Add(new SettledLetter(bundle.Link, result));
            }
        });

    /// <summary>How a commit ended.</summary>
    public void Post(OpenTransaction transaction, CommitOutcome outcome, string? reason) =>
        Post(new CommittedLetter(transaction, outcome, reason), static (letters, letter) => letters.Committed.Add(letter));

    /// <summary>There may be messages for the link.</summary>
    public void Post(OutboundLink link) => Post(link, static (letters, link) => letters.Ready.Add(link));

    /// <summary>Something to be done in a turn.</summary>
    /// <param name="action">What is to be done.</param>
    /// <param name="always">Also when the connection has ended meanwhile: it has something to give back then.</param>
    public void Post(Action action, bool always = false) =>
        Post(new ActionLetter(action, always), static (letters, letter) => letters.Actions.Add(letter));

    /// <summary>Takes everything posted so far, or null when there is nothing. Valid until the next call.</summary>
    public Letters? Take()
    {
        _taken?.Clear();
        lock (_gate)
        {
            if (_arriving.IsEmpty)
            {
                return null;
            }

            (_arriving, _taken) = (_taken ?? new Letters(), _arriving);
            return _taken;
        }
    }

    private void Post<T>(T what, Action<Letters, T> put)
        where T : allows ref struct
    {
        bool first;
        lock (_gate)
        {
            first = _arriving.IsEmpty;
            _arriving.IsEmpty = false;
            put(_arriving, what);
        }

        if (first)
        {
            owner.Signal();
        }
    }

    internal readonly record struct PublishedLetter(InboundLink Link, PublishResult Result);

    internal readonly record struct SettledLetter(OutboundLink Link, SettleResult Result);

    internal readonly record struct CommittedLetter(OpenTransaction Transaction, CommitOutcome Outcome, string? Reason);

    internal readonly record struct ActionLetter(Action Run, bool Always);

    internal sealed class Letters
    {
        public List<PublishedLetter> Published { get; } = [];

        public List<SettledLetter> Settled { get; } = [];

        public List<CommittedLetter> Committed { get; } = [];

        public List<SendingLink> Ready { get; } = [];

        public List<ActionLetter> Actions { get; } = [];

        public bool IsEmpty { get; set; } = true;

        public void Clear()
        {
            if (!IsEmpty)
            {
                Published.Clear();
                Settled.Clear();
                Committed.Clear();
                Ready.Clear();
                Actions.Clear();
                IsEmpty = true;
            }
        }
    }

    private readonly ref struct Bundle<TLink, TResult>(TLink link, ReadOnlySpan<TResult> results)
    {
        public readonly TLink Link = link;
        public readonly ReadOnlySpan<TResult> Results = results;
    }
}
