namespace Mamba.Tools.Model.Modelling;

/// <summary>To whom a group of messages belongs, as far as it can be seen. Which groups move when consumers come and go is the broker's choice.</summary>
/// <param name="Owners">Whose it may be. While it may be on its way from one to another, nobody gets anything of it until nothing of it is held.</param>
/// <param name="MayBeFree">It may be nobody's: whoever comes first gets it.</param>
internal sealed record ModelGroup(IReadOnlyList<ModelConsumer> Owners, bool MayBeFree)
{
    public static ModelGroup Free { get; } = new([], MayBeFree: true);

    public bool IsOwnedBy(ModelConsumer consumer) => !MayBeFree && Owners is [var owner] && owner == consumer;

    public bool MayBeOf(ModelConsumer consumer) => MayBeFree || Owners.Contains(consumer);
}

/// <summary>The groups of one queue.</summary>
internal sealed class GroupBook
{
    private readonly Dictionary<string, ModelGroup> _groups = [];

    public ModelGroup this[string name] => _groups.GetValueOrDefault(name, ModelGroup.Free);

    public void Clear() => _groups.Clear();

    /// <summary>A consumer got a message of a group.</summary>
    public void Claim(string name, ModelConsumer consumer) => _groups[name] = new ModelGroup([consumer], MayBeFree: false);

    public void Release(string name) => _groups[name] = ModelGroup.Free;

    /// <summary>A consumer that comes gets its share of the groups, from those that are there. Those with selectors are left out of it on both sides.</summary>
    public void Share(ModelConsumer newcomer)
    {
        foreach (var (name, group) in _groups.ToArray())
        {
            if (newcomer.Selector is null && group.Owners is [{ Selector: null }, ..])
            {
                _groups[name] = group with { Owners = [.. group.Owners, newcomer] };
            }
        }
    }

    /// <summary>What was a consumer's is anybody's.</summary>
    public void Leave(ModelConsumer consumer)
    {
        foreach (var (name, group) in _groups.Where(g => g.Value.Owners.Contains(consumer)).ToArray())
        {
            _groups[name] = new ModelGroup([.. group.Owners.Where(owner => owner != consumer)], MayBeFree: true);
        }
    }
}
