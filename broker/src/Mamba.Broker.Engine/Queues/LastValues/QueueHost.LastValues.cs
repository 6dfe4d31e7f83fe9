using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <content>The keys of a queue of last values. Messages are read with no lock held.</content>
internal sealed partial class QueueHost
{
    private const int AdoptBatch = 256;

    /// <summary>Whether messages replace each other here.</summary>
    public bool HasKeys => _core.Index.LastValues is not null;

    /// <summary>Reserves room for a message; on another outcome than Accepted it is refused.</summary>
    public PublishOutcome Admit(StoredMessage message) => _core.Index.LastValues is { } values ? AdmitKeyed(values, message)
        : TryReserve(message.Length) ? PublishOutcome.Accepted
        : PublishOutcome.RejectedFull;

    /// <summary>Admits a message where messages have keys: what replaces another finds room even on a full queue.</summary>
    private PublishOutcome AdmitKeyed(LastValueTable values, StoredMessage message)
    {
        var key = KeyOf(values, message);
        if (key is { Length: > NodeOptions.MaxKeyLength })
        {
            return PublishOutcome.KeyTooLong;
        }

        if (HasNewest(values, key))
        {
            Reserve(1, message.Length);
            return PublishOutcome.Accepted;
        }

        return TryReserve(message.Length) ? PublishOutcome.Accepted : PublishOutcome.RejectedFull;
    }

    /// <summary>Whether a message would find no room now.</summary>
    public bool IsFullFor(StoredMessage message) =>
        _admission.IsFullFor(message.Length) && !(_core.Index.LastValues is { } values && HasNewest(values, KeyOf(values, message)));

    /// <summary>
    /// Writes into the open record what a message that it enqueues removes here, because it has the same key. Pair with <see cref="Unclaim"/>
    /// if the record is not stored.
    /// </summary>
    public void Claim(JournalBatch record, StoredMessage message, ulong messageId)
    {
        if (_core.Index.LastValues is not { } values || ValidKeyOf(values, message) is not { } key)
        {
            return;
        }

        ulong replaced;
        lock (_gate)
        {
            // Keys of settings that hold no longer replace nothing.
            replaced = ReferenceEquals(values, _core.Index.LastValues) ? values.Claim(messageId, key) : 0;
        }

        if (replaced != 0)
        {
            ListOperation.AppendRemove(record, replaced, id);
        }
    }

    /// <summary>A message is not stored after all, or was never to be.</summary>
    public void Unclaim(ulong messageId)
    {
        if (_core.Index.LastValues is { } values)
        {
            lock (_gate)
            {
                values.Unclaim(messageId);
            }
        }
    }

    /// <summary>
    /// Reads the keys of what is on the queue: after a restart, or when it gets keys while it runs. Of those that share one, the newest remains.
    /// </summary>
    private void FindLastValues()
    {
        if (_core.Index.LastValues is not { } values)
        {
            return;
        }

        var found = new List<(long Token, ulong MessageId, MessageLocation Location, string Key)>();
        for (var position = 0L; position >= 0;)
        {
            found.Clear();
            position = Run((position, found), static (core, state, _) => List(core, state.position, state.found));
            for (var i = found.Count - 1; i >= 0; i--)
            {
                found[i] = found[i] with { Key = ReadKey(values, found[i].Token, found[i].MessageId, found[i].Location) ?? string.Empty };
            }

            Run(found, static (core, list, effects) =>
            {
                foreach (var (token, messageId, _, key) in list)
                {
                    _ = key.Length > 0 && core.AdoptKey(token, messageId, key, effects);
                }

                return 0;
            });
        }
    }

    /// <summary>The next messages from a token on; returns the one to go on with, or -1 at the end.</summary>
    private static long List(QueueCore core, long token, List<(long Token, ulong MessageId, MessageLocation Location, string Key)> into)
    {
        for (; core.Index.TryFindLive(ref token); token++)
        {
            ref var entry = ref core.Index.Find(token);
            into.Add((token, entry.MessageId, entry.Location, string.Empty));
            if (into.Count == AdoptBatch)
            {
                return token + 1;
            }
        }

        return -1;
    }

    private string? ReadKey(LastValueTable values, long token, ulong messageId, MessageLocation location)
    {
        try
        {
            var message = location.IsStored ? LoadBody(token, messageId, location) : Locate(token, messageId, out _, out var here) ? here : null;
            var key = message is null ? null : ValidKeyOf(values, message);
            message?.Release();
            return key;
        }
        catch (EngineException cause)
        {
            context.Events.MessageDamaged(Name, messageId, cause);
            return null;
        }
    }

    /// <summary>Whether a message has no key here, or one that is not in the set yet, where it is put.</summary>
    public bool IsFirstOfKey(StoredMessage message, HashSet<string> keys) =>
        _core.Index.LastValues is not { } values || ValidKeyOf(values, message) is not { } key || keys.Add(key);

    private bool HasNewest(LastValueTable values, string? key)
    {
        if (key is null)
        {
            return false;
        }

        lock (_gate)
        {
            return values.HasNewest(key);
        }
    }

    private string?[]? KeysOf(LastValueTable? values, ReadOnlySpan<NewEntry> entries)
    {
        if (values is null)
        {
            return null;
        }

        var keys = new string?[entries.Length];
        for (var i = 0; i < entries.Length; i++)
        {
            keys[i] = ValidKeyOf(values, entries[i].Message);
        }

        return keys;
    }

    /// <summary>What comes on other ways than by publishing is not refused for its key: it is a message without one.</summary>
    private string? ValidKeyOf(LastValueTable values, StoredMessage message) =>
        KeyOf(values, message) is { Length: <= NodeOptions.MaxKeyLength } key ? key : null;

    private string? KeyOf(LastValueTable values, StoredMessage message) => context.Annotator.LastValueKey(message, values.Name);
}
