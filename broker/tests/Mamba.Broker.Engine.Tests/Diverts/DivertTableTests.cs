namespace Mamba.Broker.Engine.Tests.Diverts;

/// <summary>Which sets of rules cannot be, and what is said of them.</summary>
internal sealed class DivertTableTests
{
    [TestCase("", null)]
    [TestCase("a:a>b", null)]
    [TestCase("a:a>b b:b>c c:a>c", null)]
    [TestCase("tap:#>tap", null)]
    [TestCase("one:orders.*>audit two:orders.#>backup", null)]
    [TestCase("a:a>b b:b>a", "'b' (a) -> 'a' (b) -> 'b' (a)")]
    [TestCase("a:a>b b:b>c c:c>a", "go round")]
    [TestCase("one:#>tap.1 two:#>tap.2", "go round")]
    [TestCase("a:a>b a:c>d", "two diverts named 'a'")]
    [TestCase("1:1>2 2:2>3 3:3>4 4:4>5 5:5>6 6:6>7 7:7>8 8:8>9", null)]
    [TestCase("1:1>2 2:2>3 3:3>4 4:4>5 5:5>6 6:6>7 7:7>8 8:8>9 9:9>x", "more than 8 diverts")]
    public void Rules_that_lead_round_or_too_far_are_faults(string rules, string? fault)
    {
        var found = MessageEngine.FindDivertFault(rules.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(static rule =>
        {
            var parts = rule.Split(':', '>');
            return new DivertOptions { Name = parts[0], Pattern = parts[1], Target = parts[2] };
        }));
        Assert.That(found, fault is null ? Is.Null : Does.Contain(fault));
    }
}
