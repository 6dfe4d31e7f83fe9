namespace Mamba.Tools.Crash;

/// <summary>What a sender knows of one message after the fact.</summary>
internal enum SendKnowledge
{
    /// <summary>The connection died before an answer: it may be there or not.</summary>
    Unknown,

    /// <summary>Accepted: it must be there.</summary>
    Acknowledged,

    /// <summary>Refused: it must not be there.</summary>
    Refused,
}

/// <summary>
/// The outside record of a campaign, kept in this process, which the kills do not touch: what was sent, what was delivered, which
/// acknowledgements the broker confirmed, in the order they happened here. Thread-safe.
/// </summary>
internal sealed class History
{
    private readonly Lock _gate = new();
    private readonly Dictionary<MessageIdentity, SendKnowledge> _sends = [];
    private readonly Dictionary<(string Queue, MessageIdentity Identity), DeliveryRecord> _deliveries = [];
    private readonly Dictionary<int, long> _lastFirstDelivery = [];
    private readonly List<string> _violations = [];

    public Tally Tally { get; } = new();

    public void Attempted(MessageIdentity identity)
    {
        lock (_gate)
        {
            _sends[identity] = SendKnowledge.Unknown;
        }
    }

    public void Answered(MessageIdentity identity, bool accepted)
    {
        lock (_gate)
        {
            _sends[identity] = accepted ? SendKnowledge.Acknowledged : SendKnowledge.Refused;
        }
    }

    /// <summary>A message reached a client on a queue; says whether its redelivery and order are as promised.</summary>
    /// <param name="ordered">Whether one consumer alone takes from the queue, so that first deliveries must come in sending order.</param>
    public void Delivered(string queue, MessageIdentity? identity, bool flagged, bool ordered)
    {
        lock (_gate)
        {
            if (identity is not { } message || !_sends.TryGetValue(message, out var knowledge) || knowledge == SendKnowledge.Refused)
            {
                Tally.Phantom++;
                Note($"phantom on {queue}: {identity}");
                return;
            }

            if (!_deliveries.TryGetValue((queue, message), out var record))
            {
                record = new DeliveryRecord();
                _deliveries[(queue, message)] = record;
                if (ordered)
                {
                    CheckOrder(queue, message);
                }
            }
            else if (record.Confirmed)
            {
                Tally.Resurrected++;
                Note($"resurrected on {queue}: {message}");
            }
            else if (!flagged)
            {
                Tally.Unflagged++;
                Note($"delivered again without a flag on {queue}: {message}");
            }
            else
            {
                Tally.Redelivered++;
            }

            record.Count++;
        }
    }

    /// <summary>The broker confirmed that the message is consumed (its settlement, or the commit that covers it).</summary>
    public void Confirmed(string queue, MessageIdentity identity)
    {
        lock (_gate)
        {
            _deliveries[(queue, identity)].Confirmed = true;
        }
    }

    /// <summary>After the last drain: everything acknowledged must have come out at the end, and every move must be whole.</summary>
    public void CheckFinal(string source, IReadOnlyList<string> targets)
    {
        lock (_gate)
        {
            foreach (var (identity, knowledge) in _sends)
            {
                var arrived = 0;
                foreach (var target in targets)
                {
                    arrived += _deliveries.ContainsKey((target, identity)) ? 1 : 0;
                }

                if (knowledge == SendKnowledge.Acknowledged && arrived == 0)
                {
                    Tally.Lost++;
                    Note($"lost: {identity} was accepted on {source} and never came out");
                }
                else if (arrived != 0 && arrived != targets.Count)
                {
                    Tally.Torn++;
                    Note($"torn: {identity} was moved to {arrived} of {targets.Count} queues");
                }

                Tally.Acknowledged += knowledge == SendKnowledge.Acknowledged ? 1 : 0;
                Tally.Unknown += knowledge == SendKnowledge.Unknown ? 1 : 0;
            }
        }
    }

    public IReadOnlyList<string> Violations
    {
        get
        {
            lock (_gate)
            {
                return [.. _violations];
            }
        }
    }

    private void CheckOrder(string queue, MessageIdentity message)
    {
        if (_lastFirstDelivery.TryGetValue(message.Producer, out var last) && message.Sequence < last)
        {
            Tally.Reordered++;
            Note($"reordered on {queue}: {message} first came after {last}");
        }

        _lastFirstDelivery[message.Producer] = Math.Max(last, message.Sequence);
    }

    private void Note(string text)
    {
        if (_violations.Count < 200)
        {
            _violations.Add(text);
        }
    }

    private sealed class DeliveryRecord
    {
        public int Count { get; set; }

        public bool Confirmed { get; set; }
    }
}

/// <summary>The counts of a campaign. All under "violations" must be zero.</summary>
internal sealed class Tally
{
    public long Acknowledged { get; set; }

    public long Unknown { get; set; }

    public long Redelivered { get; set; }

    public long Lost { get; set; }

    public long Phantom { get; set; }

    public long Resurrected { get; set; }

    public long Unflagged { get; set; }

    public long Torn { get; set; }

    public long Reordered { get; set; }

    public long Drift { get; set; }

    public bool IsClean => Lost + Phantom + Resurrected + Unflagged + Torn + Reordered + Drift == 0;

    public override string ToString() =>
        $"{Acknowledged} acknowledged, {Unknown} unknown, {Redelivered} flagged redeliveries; "
        + $"{Lost} lost, {Phantom} phantom, {Resurrected} resurrected, {Unflagged} unflagged, {Torn} torn, {Reordered} reordered, {Drift} drift";
}
