using System.Globalization;
using System.Text.RegularExpressions;
using RepositoryFiles = Mamba.Broker.Testing.Repository;

namespace Mamba.Broker.Host.Tests.Repository;

/// <summary>What documents say about the repository is so: tests they name exist, files they link to are there.</summary>
[TestFixture]
public sealed partial class DocumentTests
{
    private const int TrapCount = 75;
    private const int FeatureCount = 13;

    private static readonly NamedTests Tests = NamedTests.Read();

    [Test]
    public void Every_test_the_contract_names_exists()
    {
        var rows = Rows("broker/docs/jms-contract.md").Where(static row => !row.Held.Contains("**OPEN**", StringComparison.Ordinal)).ToList();
        Assert.That(rows, Has.Count.GreaterThan(200), "the rows of the contract's tables");
        Assert.That(rows.SelectMany(static row => Missing(row.Held).Select(name => $"{row.Rule}: {name}")), Is.Empty, "named, but nowhere to be found");
        Assert.That(rows.Where(static row => !Names(row.Held).Any()).Select(static row => row.Rule), Is.Empty, "held by no named test");
    }

    [Test]
    public void Every_interop_trap_has_a_test()
    {
        var text = Read("broker/docs/jms-contract.md");
        var traps = Rows("broker/docs/jms-contract.md", text[text.IndexOf("## §10", StringComparison.Ordinal)..]).ToList();
        Assert.That(
            traps.Select(static row => int.Parse(row.Number, CultureInfo.InvariantCulture)), Is.EqualTo(Enumerable.Range(1, TrapCount)), "one row for each trap");
        Assert.That(traps.Where(static row => !Names(row.Held).Any(static n => Tests.Has(n.Client, n.Name))).Select(static row => row.Rule), Is.Empty);
    }

    [Test]
    public void Every_feature_links_to_its_tests()
    {
        var features = FeatureRow().Matches(Read("README.md"))
            .Select(static m => (
                Number: int.Parse(m.Groups["number"].Value, CultureInfo.InvariantCulture),
                Links: Link().Matches(m.Groups["tests"].Value).Select(static link => link.Groups["link"].Value).ToList()))
            .ToList();
        Assert.That(features.Select(static f => f.Number), Is.EqualTo(Enumerable.Range(1, FeatureCount)), "one row for each feature, in order");
        Assert.That(features.Where(static f => f.Links.Count < 3).Select(static f => f.Number), Is.Empty, "a feature has tests of its insides and on real clients");
        Assert.That(features.SelectMany(static f => f.Links).Where(static link => !TestFile().IsMatch(link)), Is.Empty, "links to what is no test");
    }

    [TestCase("README.md")]
    [TestCase("broker/docs/delivery.md")]
    [TestCase("broker/docs/management.md")]
    [TestCase("broker/docs/queues.md")]
    [TestCase("broker/docs/rabbitmq-clients.md")]
    [TestCase("broker/docs/reliability.md")]
    [TestCase("broker/docs/security.md")]
    [TestCase("broker/docs/topics.md")]
    public void Every_test_a_document_names_exists(string document)
    {
        var text = WithoutCode(Read(document));
        var classes = TestClass().Matches(text).Select(static m => m.Groups["name"].Value).Where(static name => !Tests.Has(null, name));
        var cases = ClientCase().Matches(text).Select(static m => (Client: m.Groups["client"].Value, Name: m.Groups["name"].Value))
            .Where(static n => !Tests.Has(n.Client, n.Name)).Select(static n => $"{n.Client} {n.Name}");
        Assert.That(classes.Concat(cases), Is.Empty, $"tests that {document} names and that are nowhere to be found");
    }

    [Test]
    public void What_is_no_test_is_told_from_one()
    {
        Assert.That(Missing("`DocumentTests.What_is_no_test_is_told_from_one`<br>rhea `sasl.plain`<br>proton `tx.garbage-on-the-coordinator`"), Is.Empty);
        Assert.That(Missing("`DocumentTests.No_such_test`"), Is.EqualTo(new[] { "DocumentTests.No_such_test" }));
        Assert.That(Missing("rhea `sasl.no-such-case`<br>proton `sasl.plain`"), Is.EqualTo(new[] { "rhea sasl.no-such-case", "proton sasl.plain" }));
        Assert.That(Missing("conformance MGMT-01 and MGMT-99"), Is.EqualTo(new[] { "conformance MGMT-99" }));
    }

    public static IEnumerable<string> Documents() =>
        new[] { "README.md" }.Concat(NamedTests.Sources("*.md", "broker", "clients", "conformance-tests", "tools")
            .Select(static file => Path.GetRelativePath(RepositoryFiles.Root, file)));

    [TestCaseSource(nameof(Documents))]
    public void Every_link_leads_to_a_file(string document)
    {
        var folder = Path.GetDirectoryName(Path.Combine(RepositoryFiles.Root, document))!;
        var broken = Link().Matches(WithoutCode(Read(document)))
            .Select(static m => m.Groups["link"].Value)
            .Where(static link => !link.Contains("://", StringComparison.Ordinal) && !link.StartsWith('#') && !link.StartsWith("mailto:", StringComparison.Ordinal))
            .Where(link => !Path.Exists(Path.Combine(folder, link.Split('#')[0])));
        Assert.That(broken, Is.Empty, $"links of {document} that lead nowhere");
    }

    private static string Read(string document) => File.ReadAllText(Path.Combine(RepositoryFiles.Root, document));

    /// <summary>The tables' rows that say rule, number, and what holds it.</summary>
    private static IEnumerable<(string Rule, string Number, string Held)> Rows(string document, string? text = null) =>
        ContractRow().Matches(text ?? Read(document)).Select(static m => (m.Groups["rule"].Value.Trim(), m.Groups["number"].Value.Trim(), m.Groups["held"].Value));

    private static IEnumerable<string> Missing(string held) =>
        Names(held).Where(static n => !Tests.Has(n.Client, n.Name)).Select(static n => n.Client is null ? n.Name : $"{n.Client} {n.Name}");

    private static IEnumerable<(string? Client, string Name)> Names(string held)
    {
        foreach (var m in TestName().Matches(held).Where(static m => !ConformanceId().IsMatch(m.Value)))
        {
            yield return (m.Groups["client"].Success ? m.Groups["client"].Value : null, m.Groups["name"].Value);
        }

        if (held.Contains("conformance ", StringComparison.Ordinal))
        {
            foreach (Match m in ConformanceId().Matches(held))
            {
                yield return ("conformance", m.Value);
            }
        }
    }

    private static string WithoutCode(string text) => CodeBlock().Replace(text, "");

    // | rule | number | held by |, the number as 1.2, 3 or 1.4, trap 3; a bar in a rule is escaped
    [GeneratedRegex(@"^\| (?<rule>[^§|\n](\\\||[^|\n])*) \| (?<number>[0-9][^|\n]*) \| (?<held>[^\n]+) \|\s*$", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex ContractRow();

    // | number | **feature** | what there is | tests |
    [GeneratedRegex(@"^\| (?<number>[0-9]+) \| \*\*[^|\n]+\*\* \| [^|\n]+ \| (?<tests>[^|\n]+) \|$", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex FeatureRow();

    [GeneratedRegex(@"Tests\.cs$|Cases\.cs$|/cases[./]", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex TestFile();

    [GeneratedRegex(@"((?<client>rhea|proton|node-clients|proton-cpp|uamqp|pyamqp|shovel) )?`(?<name>[A-Za-z][\w-]*(\.[\w*-]+)?)`", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex TestName();

    [GeneratedRegex(@"`(?<name>\w+Tests)`", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex TestClass();

    [GeneratedRegex(@"\b(?<client>rhea|proton) `(?<name>[\w-]+\.[\w*-]+)`", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex ClientCase();

    [GeneratedRegex(@"\b[A-Z]{2,}-[0-9]+\b", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex ConformanceId();

    [GeneratedRegex(@"\[[^\]\n]*\]\((?<link>[^)\s]+)\)", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex Link();

    [GeneratedRegex(@"^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex CodeBlock();
}
