using Mamba.Broker.Engine;
using Mamba.Broker.Server.Security;

namespace Mamba.Broker.Server.Tests.Security;

/// <summary>How patterns relate is held against all short addresses: what the relation says of patterns must be so for every one.</summary>
[TestFixture]
internal sealed class PatternRelationTests
{
    private const int LongestPattern = 3;
    private const int LongestAddress = 6;

    private static readonly string[] Addresses = [.. Sequences(["a", "b"], LongestAddress)];
    private static readonly string[] Patterns = [.. Sequences(["a", "b", "*", "#"], LongestPattern)];

    [Test]
    public void Two_patterns_overlap_when_an_address_is_of_both()
    {
        foreach (var one in Patterns)
        {
            var relation = new PatternRelation(one);
            foreach (var other in Patterns)
            {
                Assert.That(relation.Overlaps(other), Is.EqualTo(Matched(one).Overlaps(Matched(other))), $"{one} and {other}");
            }
        }
    }

    [Test]
    public void What_a_pattern_is_said_to_cover_it_covers()
    {
        foreach (var one in Patterns)
        {
            var relation = new PatternRelation(one);
            foreach (var other in Patterns.Where(relation.Covers))
            {
                Assert.That(Matched(other).IsSubsetOf(Matched(one)), $"{one} is said to cover {other}");
            }
        }
    }

    [TestCase("#", "#", true)]
    [TestCase("#", "a.*.b", true)]
    [TestCase("a.#", "a", true)]
    [TestCase("a.#", "a.#", true)]
    [TestCase("a.#", "a.*.b.#", true)]
    [TestCase("a.*", "a.*", true)]
    [TestCase("a.*", "a.b", true)]
    [TestCase("a.*", "a.#", false)]
    [TestCase("a.*", "a", false)]
    [TestCase("a.b", "a.*", false)]
    [TestCase("a.#", "#", false)]
    [TestCase("*.#", "#", false)]
    public void The_patterns_that_rules_can_have_cover_what_they_should(string rule, string pattern, bool covers) =>
        Assert.That(new PatternRelation(rule).Covers(pattern), Is.EqualTo(covers));

    [Test]
    public void A_pattern_of_as_many_wildcards_as_an_address_has_room_for_is_judged_at_once()
    {
        var many = string.Join('.', Enumerable.Repeat("#", 128));
        Assert.That(new PatternRelation(many).Overlaps(string.Join('.', Enumerable.Repeat("#.a", 60))), Is.True);
        Assert.That(new PatternRelation($"{many}.b").Overlaps($"{many}.a"), Is.False);
    }

    private static HashSet<string> Matched(string pattern)
    {
        var matcher = new AddressPattern(pattern);
        return [.. Addresses.Where(matcher.Matches)];
    }

    private static IEnumerable<string> Sequences(string[] words, int longest)
    {
        var shorter = words;
        for (var length = 1; length <= longest; length++)
        {
            foreach (var sequence in shorter)
            {
                yield return sequence;
            }

            shorter = [.. shorter.SelectMany(sequence => words.Select(word => $"{sequence}.{word}"))];
        }
    }
}
