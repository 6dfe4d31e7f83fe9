using System.Text.RegularExpressions;

namespace Mamba.Broker.Host.Tests.Repository;

/// <summary>Rules of the source tree that no compiler holds. The words are put together, so that this file does not hold them.</summary>
[TestFixture]
internal sealed class RepositoryRuleTests
{
    private const int MaxLines = 500;

    private static readonly string[] Nowhere =
    [
        "TO" + "DO", "FIX" + "ME", "HA" + "CK:", "Not" + "ImplementedException", "#" + "region",
        "Binary" + "Formatter", "Type.Get" + "Type(",
    ];

    private static readonly string[] NotInTests =
    [
        "Assert." + "Ignore", "Assert." + "Inconclusive", "Assert." + "Pass", "[Ig" + "nore", "[Expl" + "icit", "Task." + "Delay(", "Thread." + "Sleep(",
    ];

    [Test]
    public void No_source_file_is_longer_than_the_limit()
    {
        var tooLong = SourceTree.SourceFiles.Where(f => !IsGenerated(f))
            .Select(f => (File: SourceTree.Relative(f), Lines: File.ReadLines(f).Count()))
            .Where(f => f.Lines > MaxLines);
        Assert.That(tooLong, Is.Empty);
    }

    [Test]
    public void No_source_file_holds_a_note_to_finish_it_or_a_banned_name() =>
        Assert.That(Holding(SourceTree.SourceFiles, Nowhere), Is.Empty);

    [Test]
    public void No_test_is_skipped_or_waits_by_the_clock() =>
        Assert.That(Holding(SourceTree.SourceFiles.Where(f => f.Contains("Tests", StringComparison.Ordinal)), NotInTests), Is.Empty);

    [Test]
    public void No_catch_is_empty()
    {
        var empty = new Regex(@"catch\s*(\([^)]*\))?\s*(when\s*\(.*?\))?\s*\{\s*\}", RegexOptions.Singleline | RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(10));
        Assert.That(SourceTree.SourceFiles.Where(f => empty.IsMatch(File.ReadAllText(f))).Select(SourceTree.Relative), Is.Empty);
    }

    /// <summary>What a tool wrote says so: by its folder, or in its first lines.</summary>
    private static bool IsGenerated(string path) => path.Contains("/Generated/", StringComparison.Ordinal)
        || File.ReadLines(path).Take(5).Any(l => l.Contains("auto-generated", StringComparison.OrdinalIgnoreCase) || l.Contains("Not written by hand", StringComparison.Ordinal));

    private static IEnumerable<string> Holding(IEnumerable<string> files, string[] words) =>
        from file in files
        from line in File.ReadLines(file).Select((text, index) => (Text: text, Number: index + 1))
        where words.Any(w => line.Text.Contains(w, StringComparison.Ordinal))
        select $"{SourceTree.Relative(file)}:{line.Number}: {line.Text.Trim()}";
}
