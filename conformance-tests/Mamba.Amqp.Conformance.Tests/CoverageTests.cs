using Mamba.Amqp.Conformance.Catalogue;
using Mamba.Amqp.Conformance.Running;
using Mamba.Broker.Testing;

namespace Mamba.Amqp.Conformance.Tests;

/// <summary>The bookkeeping: every statement of the specification and every trap has a case, or a reason to have none.</summary>
public sealed class CoverageTests
{
    [Test]
    public void Every_statement_and_trap_is_accounted_for() => Assert.That(Coverage.Load().Gaps(), Is.Empty);

    [Test]
    public void All_statements_are_there()
    {
        var statements = StatementTable.Load();
        Assert.That(statements.Count(static s => s.Level.StartsWith("MUST", StringComparison.Ordinal)), Is.EqualTo(176));
        Assert.That(statements.Count(static s => s.Level.StartsWith("SHOULD", StringComparison.Ordinal)), Is.EqualTo(32));
        Assert.That(statements.Select(static s => s.Id), Is.Unique);
        Assert.That(Coverage.Load().Traps.Select(static t => t.Number), Is.EqualTo(Enumerable.Range(1, 75)));
    }

    [Test]
    public void The_list_of_statements_is_what_the_specification_gives()
    {
        var folder = Path.Combine(Repository.Root, "tools", ".spec");
        if (!File.Exists(Path.Combine(folder, "transport.xml")))
        {
            // tools/test.sh fetches the XML. Without it there is nothing to compare with; the count above still holds.
            Assert.That(StatementTable.Load(), Has.Count.EqualTo(208));
            return;
        }

        Assert.That(
            StatementTable.Render(SpecText.Read(folder)), Is.EqualTo(StatementTable.Render(StatementTable.Load())), "run: amqp-conformance coverage --spec tools/.spec");
    }

    [Test]
    public void The_index_is_what_the_suite_makes()
    {
        var file = Path.Combine(Repository.Root, "conformance-tests", "COVERAGE.md");
        Assert.That(File.ReadAllText(file), Is.EqualTo(Coverage.Load().ToMarkdown()), "run: amqp-conformance coverage > conformance-tests/COVERAGE.md");
    }

    [Test]
    public void Cases_have_ids_and_titles_of_their_own()
    {
        Assert.That(ConformanceCase.All, Has.Count.GreaterThan(400));
        Assert.That(ConformanceCase.All.Select(static c => c.Id), Is.Unique);
        Assert.That(ConformanceCase.All.Select(static c => c.Group).Distinct(StringComparer.Ordinal), Is.SubsetOf(ConformanceCase.Groups));
        Assert.That(ConformanceCase.All.Select(static c => c.Title), Is.Unique);
    }

    [Test]
    public void The_suite_needs_nothing_of_a_broker()
    {
        var ours = typeof(ConformanceCase).Assembly.GetReferencedAssemblies().Select(static a => a.Name!).Where(static n => n.StartsWith("Mamba", StringComparison.Ordinal));
        Assert.That(ours, Is.EqualTo(new[] { "Mamba.Amqp.Protocol" }));
    }
}
