namespace Mamba.Tools.Model.Modelling;

/// <summary>Queues of last values: of messages with one color there is only the newest, but for those that somebody holds.</summary>
internal static class LastValues
{
    /// <summary>A message is about to come to a queue: it takes the place of an older one, or has it dropped when it comes back.</summary>
    /// <returns>The older one, when it goes now.</returns>
    public static ModelEntry? Replace(ModelEntry newer, long now)
    {
        if (newer.Message.Color is not { } key || newer.Queue.Entries.FindLast(e => e.Message.Color == key && !e.IsReplaced) is not { } older)
        {
            return null;
        }

        if (older.Place is not (Place.Available or Place.Scheduled))
        {
            older.IsReplaced = true;
            older.IsErased = newer.Message.Durable;
            return null;
        }

        if (older.Place == Place.Available && newer.Message.DeliverAt <= now && newer.Message.Priority == older.Message.Priority)
        {
            newer.Sequence = older.Sequence;
        }

        return older;
    }

    /// <summary>
    /// After a restart the order is that of the latest values, and what the disk knows of is judged anew: a durable value that was held
    /// while one that is not durable took its place is the latest again, as the other is lost.
    /// </summary>
    /// <returns>Those that go.</returns>
    public static IReadOnlyList<ModelEntry> Restore(ModelQueue queue)
    {
        var gone = queue.Entries.Where(static e => e.IsErased).ToList();
        foreach (var entry in queue.Entries.Except(gone).ToArray())
        {
            entry.Sequence = entry.Arrival;
            if (entry.Message.Color is { } key && queue.Entries.Exists(e => !e.IsErased && e.Message.Color == key && e.Arrival > entry.Arrival))
            {
                gone.Add(entry);
            }
        }

        return gone;
    }
}
