using Mamba.Broker.Engine;

namespace Mamba.Broker.Server.Security;

/// <summary>The rules of who may do what, as they are when the broker starts. Thread-safe.</summary>
internal sealed class PermissionTable
{
    private readonly Entry[] _entries;

    public PermissionTable(IReadOnlyList<PermissionRule> rules) => _entries = [.. rules.Select(static rule => new Entry(rule))];

    /// <summary>False when there are no rules: then everybody may do everything.</summary>
    public bool HasRules => _entries.Length > 0;

    /// <summary>The rules that are about a user, in their order.</summary>
    public IReadOnlyList<Entry> RulesFor(string user) => Array.FindAll(_entries, entry => entry.IsAbout(user));

    /// <summary>A rule, ready to be held against addresses.</summary>
    internal sealed class Entry(PermissionRule rule)
    {
        private readonly AddressPattern _pattern = new(rule.Pattern);
        private readonly PatternRelation _relation = new(rule.Pattern);
        private readonly HashSet<string> _users = new(rule.Users, StringComparer.Ordinal);

        public AddressActions Actions => rule.Actions;

        public bool IsAbout(string user) => _users.Contains(PermissionRule.Everybody) || _users.Contains(user);

        public bool Matches(string address) => _pattern.Matches(address);

        public bool Covers(string pattern) => _relation.Covers(pattern);

        public bool Overlaps(string pattern) => _relation.Overlaps(pattern);
    }
}
