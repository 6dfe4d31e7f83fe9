using System.Runtime.CompilerServices;

namespace Mamba.Broker.Engine;

/// <summary>
/// The keys of a queue of last values: which message is the newest of each, among those on the queue and those on their way through
/// the journal. Newer is the higher message id, before and after a restart alike. An older message that nobody holds is
/// replaced when a newer one arrives; one that is held is superseded, and dropped when it comes back. Keys are compared in full.
/// Guarded by the queue's lock, apart from <see cref="Name"/>.
/// </summary>
internal sealed class LastValueTable(string name)
{
    private readonly Dictionary<string, Newest> _newest = new(StringComparer.Ordinal);
    private readonly Dictionary<ulong, Keyed> _messages = [];
    private readonly List<long> _returned = [];
    private int _superseded;

    /// <summary>Where messages have their keys.</summary>
    public string Name => name;

    /// <summary>Messages that gave way to newer ones since the process started.</summary>
    public long Replaced { get; set; }

    /// <summary>The keys of a queue, or null when its messages have none.</summary>
    public static LastValueTable? For(NodeOptions options) => options.LastValueKey is { Length: > 0 } name ? new LastValueTable(name) : null;

    /// <summary>Whether the table knows a message.</summary>
    public bool Knows(ulong messageId) => _messages.ContainsKey(messageId);

    /// <summary>Whether there is a message of a key, on the queue or on its way.</summary>
    public bool HasNewest(string key) => _newest.ContainsKey(key);

    /// <summary>
    /// A message is about to be written to the journal. Returns the id of the older one that its record is to remove, 0 for none; the record
    /// removes that one even if it is held when the new one arrives.
    /// </summary>
    public ulong Claim(ulong messageId, string key)
    {
        var newest = _newest.GetValueOrDefault(key);
        var replaces = newest.Claimed < messageId ? newest.Claimed : 0;
        _messages[messageId] = new Keyed(key) { Replaces = replaces };
        _newest[key] = newest with { Claimed = Math.Max(newest.Claimed, messageId) };
        return replaces;
    }

    /// <summary>A message that was claimed for is not stored: the key is what it was before.</summary>
    public void Unclaim(ulong messageId)
    {
        if (!_messages.Remove(messageId, out var gone))
        {
            return;
        }

        // Rare, as the disk is full or worse: those of the key are looked for.
        var claimed = 0UL;
        foreach (var (id, keyed) in _messages)
        {
            claimed = string.Equals(keyed.Key, gone.Key, StringComparison.Ordinal) && !keyed.IsSuperseded ? Math.Max(claimed, id) : claimed;
        }

        SetClaimed(gone.Key, claimed);
    }

    /// <summary>A message arrives on the queue.</summary>
    public Arrival Arrive(ulong messageId, string key)
    {
        if (!_messages.TryGetValue(messageId, out var keyed))
        {
            _messages[messageId] = keyed = new Keyed(key);
        }

        var newest = _newest.GetValueOrDefault(keyed.Key);
        if (newest.Arrived > messageId)
        {
            _messages.Remove(messageId);
            return new Arrival { IsLate = true };
        }

        var older = newest.Arrived;
        _newest[keyed.Key] = new Newest(Math.Max(newest.Claimed, messageId), messageId);
        return older == 0
            ? default
            : new Arrival { HasOlder = true, OlderToken = _messages[older].Token, OlderId = older, IsJournaled = keyed.Replaces == older };
    }

    /// <summary>A message that arrived stands here.</summary>
    public void Place(ulong messageId, long token) => _messages[messageId].Token = token;

    /// <summary>A message that somebody holds, and that is older than another of its key.</summary>
    public void AddSuperseded(ulong messageId, string key)
    {
        _messages[messageId] = new Keyed(key);
        Supersede(messageId);
    }

    /// <summary>A message that somebody holds is not the newest any more.</summary>
    public void Supersede(ulong messageId)
    {
        _messages[messageId].IsSuperseded = true;
        _superseded++;
    }

    /// <summary>An entry is about to change its state.</summary>
    public void OnChange(long token, in QueueEntry entry, EntryState to)
    {
        if (to == EntryState.Removed)
        {
            Forget(entry.MessageId);
        }
        else if (IsInLine(to) && IsSuperseded(entry.MessageId))
        {
            _returned.Add(token);
        }
    }

    /// <summary>Whether a message that is held gave way to a newer one, so that it is not to come back.</summary>
    public bool IsSuperseded(ulong messageId) => _superseded > 0 && _messages.TryGetValue(messageId, out var keyed) && keyed.IsSuperseded;

    /// <summary>Drops what came back and had been superseded.</summary>
    public void DropReturned(QueueCore core, QueueEffects effects)
    {
        if (_returned.Count == 0)
        {
            return;
        }

        foreach (var token in _returned)
        {
            ref var entry = ref core.Index.Find(token);
            if (!Unsafe.IsNullRef(ref entry) && IsInLine(entry.State))
            {
                Replaced++;
                core.Remove(token, ref entry, effects);
            }
        }

        _returned.Clear();
    }

    /// <summary>Whether a message in a state waits, as opposed to being held by somebody.</summary>
    public static bool IsInLine(EntryState state) => state is EntryState.Available or EntryState.Reserved or EntryState.Scheduled;

    private void Forget(ulong messageId)
    {
        if (!_messages.Remove(messageId, out var keyed))
        {
            return;
        }

        _superseded -= keyed.IsSuperseded ? 1 : 0;
        var newest = _newest.GetValueOrDefault(keyed.Key);
        if (newest.Arrived == messageId)
        {
            _newest[keyed.Key] = newest with { Arrived = 0 };
        }

        if (newest.Claimed == messageId)
        {
            SetClaimed(keyed.Key, 0);
        }
    }

    private void SetClaimed(string key, ulong claimed)
    {
        if (claimed == 0)
        {
            _newest.Remove(key);
        }
        else
        {
            _newest[key] = _newest.GetValueOrDefault(key) with { Claimed = claimed };
        }
    }

    /// <summary>A message with a key, on the queue or on its way.</summary>
    private sealed class Keyed(string key)
    {
        public string Key => key;

        public long Token { get; set; } = -1;

        /// <summary>The message that its record removes, or 0.</summary>
        public ulong Replaces { get; init; }

        public bool IsSuperseded { get; set; }
    }

    /// <summary>The newest message of a key at all, and of those on the queue; 0 for none.</summary>
    private readonly record struct Newest(ulong Claimed, ulong Arrived);
}

/// <summary>What the arrival of a message means for the others of its key.</summary>
internal readonly struct Arrival
{
    /// <summary>A newer one was faster: this one is to be dropped.</summary>
    public bool IsLate { get; init; }

    /// <summary>There is an older one.</summary>
    public bool HasOlder { get; init; }

    public ulong OlderId { get; init; }

    public long OlderToken { get; init; }

    /// <summary>The record of the new one removes the older one.</summary>
    public bool IsJournaled { get; init; }
}
