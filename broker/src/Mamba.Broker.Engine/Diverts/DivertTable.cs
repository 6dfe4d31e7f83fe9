using System.Collections.Concurrent;

namespace Mamba.Broker.Engine;

/// <summary>
/// The rules in force at one moment, in the order they are looked at. Which of them an address meets is found out once for each
/// address. Immutable but for that memory; thread-safe.
/// </summary>
internal sealed class DivertTable
{
    /// <summary>Rules that one message may pass one after another.</summary>
    public const int MaxHops = 8;

    private const int MaxKnown = 10_000;

    private readonly Divert[] _all;
    private readonly ConcurrentDictionary<string, Divert[]> _known = new(StringComparer.Ordinal);

    public DivertTable(IEnumerable<Divert> diverts) =>
        _all = [.. diverts.OrderByDescending(static divert => divert.Options.Priority).ThenBy(static divert => divert.Options.Name, StringComparer.Ordinal)];

    public static DivertTable Empty { get; } = new([]);

    public IReadOnlyList<Divert> All => _all;

    public bool IsEmpty => _all.Length == 0;

    /// <summary>The rules that apply to an address, in order.</summary>
    public Divert[] For(string address)
    {
        if (_known.TryGetValue(address, out var known))
        {
            return known;
        }

        var found = Array.FindAll(_all, divert => divert.AppliesTo(address));
        if (_known.Count < MaxKnown)
        {
            _known[address] = found;
        }

        return found;
    }

    /// <summary>
    /// What is wrong with the rules as a whole, or null: two of one name, or one whose messages could come back to where they were, or pass
    /// more than <see cref="MaxHops"/> rules. Selectors are left out of account: they might all be true.
    /// </summary>
    public string? Fault()
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var divert in _all)
        {
            if (!names.Add(divert.Options.Name))
            {
                return $"there are two diverts named '{divert.Options.Name}'; give each a name of its own";
            }
        }

        // Where a chain begins does not matter for whether it comes back; that it comes to its own first address is seen at the second round.
        foreach (var divert in _all)
        {
            if (Follow(divert, []) is { } fault)
            {
                return fault;
            }
        }

        return null;
    }

    private string? Follow(Divert divert, List<Divert> path)
    {
        path.Add(divert);
        var target = divert.Options.Target;
        foreach (var next in For(target))
        {
            if (path.Contains(next))
            {
                return $"messages would go round: {Describe(path)} -> '{next.Options.Target}' ({next.Options.Name}); narrow a pattern, or leave one of these diverts out";
            }

            if (path.Count == MaxHops)
            {
                return $"messages would pass more than {MaxHops} diverts: {Describe(path)}; divert to the last address directly";
            }

            if (Follow(next, path) is { } fault)
            {
                return fault;
            }
        }

        path.RemoveAt(path.Count - 1);
        return null;
    }

    private static string Describe(List<Divert> path) => string.Join(" -> ", path.ConvertAll(static divert => $"'{divert.Options.Target}' ({divert.Options.Name})"));
}
