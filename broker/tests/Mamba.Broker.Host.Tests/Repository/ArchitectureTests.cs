using System.Xml.Linq;
using Mamba.Broker.Testing;
using Tree = Mamba.Broker.Testing.Repository;

namespace Mamba.Broker.Host.Tests.Repository;

/// <summary>The dependency direction, read from the project files.</summary>
[TestFixture]
internal sealed class ArchitectureTests
{
    private static readonly Dictionary<string, string[]> Allowed = new(StringComparer.Ordinal)
    {
        ["Mamba.Amqp.Protocol"] = [],
        ["Mamba.Broker.Journal"] = [],
        ["Mamba.Broker.Engine"] = ["Mamba.Broker.Journal"],
        ["Mamba.Broker.Selectors"] = ["Mamba.Amqp.Protocol"],
        ["Mamba.Broker.Server"] = ["Mamba.Amqp.Protocol", "Mamba.Broker.Engine", "Mamba.Broker.Selectors"],
        ["Mamba.Broker.Host"] = ["Mamba.Broker.Server", "Mamba.Amqp.Protocol", "Mamba.Broker.Engine", "Mamba.Broker.Journal"],
        ["Mamba.Amqp.Client"] = ["Mamba.Amqp.Protocol"],
        ["Mamba.Amqp.Conformance"] = ["Mamba.Amqp.Protocol"],
        ["Mamba.NmsAmqp.Cases"] = [],
    };

    /// <summary>Programs on clients that the everyday build cannot reach: built and run by hand, and therefore not in the solution.</summary>
    private static readonly string[] ByHand = ["Mamba.NmsAmqp.Cases"];

    /// <summary>Tools and samples stand outside: they see a broker as its clients do, its process, its files or its engine, never the server.</summary>
    private static readonly string[] AllowedToTools = ["Mamba.Amqp.Client", "Mamba.Amqp.Protocol", "Mamba.Broker.Journal", "Mamba.Broker.Engine", "Mamba.Broker.Selectors", "Mamba.Broker.Testing"];

    /// <summary>
    /// Tools that see the server too: the micro-benchmarks measure the insides of every layer, and the model's sequences play against a
    /// broker whose clock they move. Nothing depends on them but their tests.
    /// </summary>
    private static readonly string[] ToolsWithServer = ["Mamba.Bench.Micro", "Mamba.Model"];

    private static IEnumerable<string> ShippedProjects => SourceTree.Files("*.csproj").Where(p => !Path.GetFileNameWithoutExtension(p).EndsWith(".Tests", StringComparison.Ordinal)
        && !string.Equals(Path.GetFileNameWithoutExtension(p), "Mamba.Broker.Testing", StringComparison.Ordinal));

    [TestCaseSource(nameof(ShippedProjects))]
    public void A_project_references_only_the_layers_below_it(string path)
    {
        var name = Path.GetFileNameWithoutExtension(path);
        var isTool = SourceTree.Relative(path).StartsWith("tools/", StringComparison.Ordinal) || path.Contains("/samples/", StringComparison.Ordinal);
        Assert.That(isTool || Allowed.ContainsKey(name), Is.True, "a new library needs its place in the layers");
        var allowed = ToolsWithServer.Contains(name, StringComparer.Ordinal) ? [.. AllowedToTools, "Mamba.Broker.Server"] : isTool ? AllowedToTools : Allowed[name];
        Assert.That(References(path), Is.SubsetOf(allowed));
    }

    [Test]
    public void Only_the_host_and_tools_that_need_its_insides_reference_the_server()
    {
        var referencing = ShippedProjects.Where(p => References(p).Contains("Mamba.Broker.Server", StringComparer.Ordinal)).Select(Path.GetFileNameWithoutExtension);
        Assert.That(referencing, Is.EquivalentTo((string[])["Mamba.Broker.Host", .. ToolsWithServer]));
    }

    [Test]
    public void Protocol_selectors_and_journal_need_no_package_at_run_time()
    {
        foreach (var name in new[] { "Mamba.Amqp.Protocol", "Mamba.Broker.Selectors", "Mamba.Broker.Journal" })
        {
            var project = ShippedProjects.Single(p => string.Equals(Path.GetFileNameWithoutExtension(p), name, StringComparison.Ordinal));
            Assert.That(XDocument.Load(project).Descendants("PackageReference"), Is.Empty, name);
        }
    }

    [Test]
    public void Every_project_is_in_the_solution()
    {
        var solution = File.ReadAllText(Path.Combine(Tree.Root, "Mamba.Amqp.sln"));
        foreach (var project in SourceTree.Files("*.csproj").Where(static p => !ByHand.Contains(Path.GetFileNameWithoutExtension(p), StringComparer.Ordinal)))
        {
            Assert.That(solution, Does.Contain(Path.GetFileName(project)), project);
        }
    }

    private static List<string> References(string project) =>
        [.. XDocument.Load(project).Descendants("ProjectReference")
            .Where(r => (string?)r.Attribute("ReferenceOutputAssembly") != "false")
            .Select(r => Path.GetFileNameWithoutExtension((string)r.Attribute("Include")!))];
}
