namespace Mamba.Tools.Model.Modelling;

/// <summary>
/// What follows one step: deliveries, observed in whatever order the connections show them. Each must be one the model allows, none
/// that it demands may be missing, and at the end nobody may have been given a message while a better one was in line for him.
/// </summary>
internal sealed class Round(BrokerModel model)
{
    private readonly List<(ModelConsumer Consumer, ModelEntry Entry)> _deliveries = [];

    /// <summary>A message arrived at a consumer.</summary>
    public ModelEntry Deliver(ModelConsumer consumer, string id)
    {
        var entry = consumer.Queue.Entries.Find(e => e.Message.Id == id)
            ?? throw new Difference($"{consumer.Name} was given {id}, which is not on {consumer.Queue.Name}{Dead(id)}");
        if (entry.Place != Place.Available)
        {
            throw new Difference($"{consumer.Name} was given {entry}, which is {entry.Place}{(entry.Holder is null ? "" : $" by {entry.Holder.Name}")}");
        }

        if (consumer.Credit == 0)
        {
            throw new Difference($"{consumer.Name} was given {entry} without credit");
        }

        if (!MayHave(consumer, entry))
        {
            throw new Difference($"{consumer.Name} was given {entry}, which is not for it: selector, exclusion or group");
        }

        consumer.Credit--;
        _deliveries.Add((consumer, entry));
        entry.Place = Place.Held;
        entry.Holder = consumer;
        ClaimGroup(consumer, entry);
        return entry;
    }

    /// <summary>A delivery that must come yet; null when there is none.</summary>
    public (ModelConsumer Consumer, ModelEntry Entry)? Missing()
    {
        foreach (var consumer in model.Consumers)
        {
            foreach (var entry in consumer.Queue.Entries)
            {
                if (consumer.Credit > 0 && entry.Place == Place.Available && MustHave(consumer, entry))
                {
                    return (consumer, entry);
                }
            }
        }

        return null;
    }

    /// <summary>Whether a message may be on its way to the consumer, though none must be.</summary>
    public static bool IsPossible(ModelConsumer consumer) =>
        consumer.Credit > 0 && consumer.Queue.Entries.Exists(e => e.Place == Place.Available && e.Message.Group is not null);

    /// <summary>Nothing is missing: was the order right?</summary>
    /// <param name="ordered">False when the step put messages back one after the other, so that they may have met a consumer in any order.</param>
    public void End(bool ordered)
    {
        for (var i = 0; ordered && model.Rules.PriorityCounts && i < _deliveries.Count; i++)
        {
            var (consumer, entry) = _deliveries[i];
            var better = consumer.Queue.Entries.Find(e => e.Place == Place.Available && e.IsBefore(entry) && MustHave(consumer, e));
            better ??= _deliveries.Skip(i + 1).FirstOrDefault(d => d.Consumer == consumer && d.Entry.IsBefore(entry)).Entry;
            if (better is not null)
            {
                throw new Difference($"{consumer.Name} was given {entry} before {better}, which comes first");
            }
        }
    }

    private static bool Fits(ModelConsumer consumer, ModelEntry entry) =>
        (consumer.Selector is null || consumer.Selector.Matches(entry.Message, entry.Failures)) && !entry.Excluded.Contains(consumer);

    /// <summary>Groups: its owner, or one it may have moved to, and nobody while another holds some of it.</summary>
    private bool MayHave(ModelConsumer consumer, ModelEntry entry)
    {
        if (!Fits(consumer, entry) || model.IsHeldUp(entry) || entry.Message.Group is not { } group || !model.Rules.GroupsBelong)
        {
            return Fits(consumer, entry) && !model.IsHeldUp(entry);
        }

        return consumer.Queue.Groups[group].MayBeOf(consumer) && !InUse(entry).Any(e => e.Holder != consumer);
    }

    /// <summary>A message of a group that may have moved must come only if all who may have it want it, and none of it is held.</summary>
    private bool MustHave(ModelConsumer consumer, ModelEntry entry)
    {
        if (!MayHave(consumer, entry) || entry.Message.Group is not { } group || !model.Rules.GroupsBelong)
        {
            return MayHave(consumer, entry);
        }

        var state = consumer.Queue.Groups[group];
        return state.IsOwnedBy(consumer) || (!InUse(entry).Any() && state.Owners.All(owner => owner.Credit > 0 && Fits(owner, entry)));
    }

    private static IEnumerable<ModelEntry> InUse(ModelEntry entry) =>
        entry.Queue.Entries.Where(e => e.Message.Group == entry.Message.Group && e.Place is Place.Held or Place.Enlisted);

    private void ClaimGroup(ModelConsumer consumer, ModelEntry entry)
    {
        if (entry.Message.Group is not { } group)
        {
            return;
        }

        if ((entry.Message.ClosesGroup && consumer.Queue.Consumers.Count > 1) || (consumer.Selector is not null && !model.Rules.SelectorsTakeGroups))
        {
            consumer.Queue.Groups.Release(group);
        }
        else
        {
            consumer.Queue.Groups.Claim(group, consumer);
        }
    }

    private string Dead(string id) => model.DeadLetters.Find(d => d.Message.Id == id) is { } dead ? $" but a dead letter: {dead}" : "";
}
