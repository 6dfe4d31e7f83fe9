using System.Text.RegularExpressions;
using RepositoryFiles = Mamba.Broker.Testing.Repository;

namespace Mamba.Broker.Host.Tests.Repository;

/// <summary>
/// Every test there is, by the names documents use: NUnit's as Class and Class.Method, cases on foreign clients by the name that
/// their runners list, conformance cases by their id.
/// </summary>
internal sealed partial class NamedTests
{
    private readonly HashSet<string> _nunit = new(StringComparer.Ordinal);
    private readonly HashSet<string> _conformance = new(StringComparer.Ordinal);
    private readonly Dictionary<string, HashSet<string>> _clients = new(StringComparer.Ordinal);

    private NamedTests()
    {
        foreach (var file in Sources("*.cs", "broker/tests", "conformance-tests", "clients", "tools"))
        {
            AddNUnit(File.ReadAllText(file));
        }

        foreach (var file in Sources("*.cs", "conformance-tests/Mamba.Amqp.Conformance"))
        {
            _conformance.UnionWith(CaseAttribute().Matches(File.ReadAllText(file)).Select(static m => m.Groups["name"].Value));
        }

        AddScripts("rhea", "conformance-tests/rhea/cases");
        AddScripts("node-clients", "conformance-tests/node-clients/cases");
        AddCases("proton", "*.py", "conformance-tests/proton/cases", PythonCase());
        AddCases("uamqp", "*.py", "conformance-tests/uamqp", QuotedCase());
        AddCases("pyamqp", "*.py", "conformance-tests/pyamqp", QuotedCase());
        AddCases("shovel", "*.py", "conformance-tests/shovel", QuotedCase());
        AddCases("proton-cpp", "*.cpp", "conformance-tests/proton-cpp", QuotedCase());
    }

    /// <summary>Reads the sources of this clone.</summary>
    public static NamedTests Read() => new();

    /// <summary>Whether there is a fixture Class, a test Class.Method, or, with a client's name, a case of it.</summary>
    public bool Has(string? client, string name) => client switch
    {
        null => _nunit.Contains(name),
        "conformance" => _conformance.Contains(name),
        _ => _clients.TryGetValue(client, out var cases)
            && (name.EndsWith(".*", StringComparison.Ordinal) ? cases.Any(c => c.StartsWith(name[..^1], StringComparison.Ordinal)) : cases.Contains(name)),
    };

    /// <summary>The source files below some folders, without what was built or installed.</summary>
    public static IEnumerable<string> Sources(string pattern, params string[] folders) =>
        folders.SelectMany(folder => Directory.EnumerateFiles(Path.Combine(RepositoryFiles.Root, folder), pattern, SearchOption.AllDirectories))
            .Where(static file => !BuiltOrInstalled().IsMatch(file));

    private void AddNUnit(string source)
    {
        var classes = ClassName().Matches(source);
        for (var i = 0; i < classes.Count; i++)
        {
            var name = classes[i].Groups["name"].Value;
            var end = i + 1 < classes.Count ? classes[i + 1].Index : source.Length;
            _nunit.Add(name);
            foreach (Match method in TestMethod().Matches(source[classes[i].Index..end]))
            {
                _nunit.Add($"{name}.{method.Groups["name"].Value}");
            }
        }
    }

    /// <summary>Cases of JavaScript: members of a file's default export, named after the file.</summary>
    private void AddScripts(string client, string folder)
    {
        var cases = _clients[client] = new HashSet<string>(StringComparer.Ordinal);
        foreach (var file in Sources("*.mjs", folder))
        {
            cases.UnionWith(ScriptCase().Matches(File.ReadAllText(file)).Select(m => $"{Path.GetFileNameWithoutExtension(file)}.{m.Groups["name"].Value}"));
        }
    }

    private void AddCases(string client, string pattern, string folder, Regex name) =>
        _clients[client] = Sources(pattern, folder).SelectMany(file => name.Matches(File.ReadAllText(file)).Select(static m => m.Groups["name"].Value))
            .ToHashSet(StringComparer.Ordinal);

    [GeneratedRegex(@"[/\\](bin|obj|node_modules|__pycache__)[/\\]", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex BuiltOrInstalled();

    [GeneratedRegex(@"\bclass (?<name>\w+)", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex ClassName();

    // A test: an attribute of NUnit or FsCheck, perhaps others, and the method below them.
    [GeneratedRegex(@"\[(Test|TestCase|TestCaseSource|Property|FsCheck)\b[^\n]*\n([^\n;{}]*\n)*?[^\n=;]*?\bpublic [^\n=;(]*?(?<name>\w+)\(", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex TestMethod();

    [GeneratedRegex(@"\[Case\(\s*""(?<name>[^""]+)""", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex CaseAttribute();

    [GeneratedRegex(@"^  (async )?'(?<name>[^']+)'\s*[(:]", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex ScriptCase();

    [GeneratedRegex(@"^@case\(\s*""(?<name>[^""]+)""", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex PythonCase();

    [GeneratedRegex(@"""(?<name>(cpp|uamqp|pyamqp|shovel)\.[\w-]+)""", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex QuotedCase();
}
