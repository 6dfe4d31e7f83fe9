using Mamba.Tools.Bench.Measuring;
using Mamba.Tools.Bench.Output;

namespace Mamba.Tools.Bench.Tests;

public sealed class ComparisonTests
{
    private string _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("mamba-bench-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [TestCase(0.84, RowVerdict.Fell)]
    [TestCase(0.86, RowVerdict.Holds)]
    [TestCase(1.00, RowVerdict.Holds)]
    [TestCase(1.14, RowVerdict.Holds)]
    [TestCase(1.16, RowVerdict.Improved)]
    public void ARowFailsWhenItsRatioFellByMoreThanTheTolerance(double of, RowVerdict verdict)
    {
        var comparison = Compare(Record(("a", 0.8)), Measured(("a", 0.8 * of)));
        Assert.That(comparison.Rows.Single().Verdict, Is.EqualTo(verdict));
        Assert.That(comparison.Fails, Is.EqualTo(verdict == RowVerdict.Fell));
    }

    [Test]
    public void AComplaintNamesRowRecordedAndNow()
    {
        var comparison = Compare(Record(("100 B settled", 0.8), ("b", 1)), Measured(("100 B settled", 0.6), ("b", 1)));
        Assert.That(comparison.Complaints(), Is.EqualTo(new[] { "100 B settled: recorded 80 % of forwarder's rate, now 60 %: -25 %, at most -15 % is let through" }));
        Assert.That(comparison.ToMarkdown(), Does.Contain("| 100 B settled | 80 % | 60 % | -25 % |").And.Contain("**FELL**").And.Contain("| b | 100 % | 100 % | 0 % |"));
    }

    [Test]
    public void ARecordedRowThatWasNotMeasuredFails()
    {
        var comparison = Compare(Record(("a", 0.8), ("b", 0.5)), Measured(("a", 0.8)));
        Assert.That(comparison.Fails, Is.True);
        Assert.That(comparison.Complaints(), Has.Exactly(1).StartWith("b: recorded 50 %, not measured now"));
    }

    [Test]
    public void ARowThatWasNotAskedForIsLeftOut()
    {
        var comparison = new Comparison(Record(("a", 0.8), ("b", 0.5)), Measured(("a", 0.8)), 15, row => row == "a");
        Assert.That(comparison.Fails, Is.False);
        Assert.That(comparison.Rows, Has.Count.EqualTo(1));
    }

    [Test]
    public void AnImprovedRowAndANewOneSaySo()
    {
        var comparison = Compare(Record(("a", 0.5)), Measured(("a", 0.9), ("c", 0.3)));
        Assert.That(comparison.Fails, Is.False);
        Assert.That(comparison.ToMarkdown(), Does.Contain("+80 %").And.Contain("improved: record it").And.Contain("new: record it"));
    }

    [Test]
    public void NothingComparedIsAFailure()
    {
        Assert.That(Compare(Record(), Measured(("c", 0.3))).Fails, Is.True);
        Assert.That(Compare(Record(), Measured()).Complaints(), Has.Exactly(1).Contains("no row was compared"));
    }

    [Test]
    public void RatiosAreMediansOverPairsOfRuns()
    {
        BenchResult[] results =
        [
            Run("mamba", 1, 80, 4), Run("forwarder", 1, 100, 2), // 0.8, 2x
            Run("mamba", 2, 10, 9), Run("forwarder", 2, 20, 3), // 0.5, 3x, in a slow moment of the machine
            Run("mamba", 3, 90, 5), Run("forwarder", 3, 100, 1), // 0.9, 5x
            Run("mamba", 4, 500, 1), Run("forwarder", 4, 1, 1) with { Ok = false }, // no pair
            Run("mamba", 5, 500, 1),
        ];
        Assert.That(Ratios.Of(results, "mamba", "forwarder"), Is.EqualTo(new[] { new RowRatio("row", 0.8, 3, 3) }));
        Assert.That(Ratios.Of(results, "mamba", "nobody"), Is.Empty);
    }

    [Test]
    public void RunsOfTheSameNumberPairInTheirOrder()
    {
        BenchResult[] results =
        [
            Run("mamba", 1, 50, 1) with { Ok = false }, Run("forwarder", 1, 100, 1), // yesterday's, which failed
            Run("forwarder", 1, 200, 1), Run("mamba", 1, 100, 1),
        ];
        Assert.That(Ratios.Of(results, "mamba", "forwarder"), Is.EqualTo(new[] { new RowRatio("row", 0.5, 1, 1) }));
    }

    [Test]
    public async Task WhatIsRecordedComparesWithItself()
    {
        var results = await WriteAsync(Run("mamba", 1, 80, 4), Run("forwarder", 1, 100, 2));
        Assert.That(await CompareCommand.RecordAsync(Request(results), "abc", TimeProvider.System), Is.Zero);
        var recorded = Recorded.Load(Request(results).Recorded);
        Assert.That(recorded.Rows["row"], Is.EqualTo(new RecordedRow(0.8, 2, 1)));
        Assert.That((recorded.Version, recorded.Conditions.Cores), Is.EqualTo(("abc", Environment.ProcessorCount)));
        Assert.That(await CompareCommand.CompareAsync(Request(results)), Is.Zero);

        var slower = await WriteAsync(Run("mamba", 1, 60, 4), Run("forwarder", 1, 100, 2));
        Assert.That(await CompareCommand.CompareAsync(Request(slower)), Is.EqualTo(1));
    }

    [Test]
    public async Task RecordingSomeRowsKeepsTheOthersAndNoFailureIsRecorded()
    {
        var both = await WriteAsync(Run("mamba", 1, 80, 4), Run("forwarder", 1, 100, 2), Run("mamba", 1, 30, 4) with { Row = "b" }, Run("forwarder", 1, 100, 2) with { Row = "b" });
        Assert.That(await CompareCommand.RecordAsync(Request(both), null, TimeProvider.System), Is.Zero);
        var onlyB = await WriteAsync(Run("mamba", 1, 40, 4) with { Row = "b" }, Run("forwarder", 1, 100, 2) with { Row = "b" });
        Assert.That(await CompareCommand.RecordAsync(Request(onlyB) with { Wanted = r => r == "b" }, null, TimeProvider.System), Is.Zero);
        var rows = Recorded.Load(Request(both).Recorded).Rows;
        Assert.That((rows["row"].Rate, rows["b"].Rate), Is.EqualTo((0.8, 0.4)));

        var failed = await WriteAsync(Run("mamba", 1, 80, 4), Run("forwarder", 1, 100, 2), Run("mamba", 2, 80, 4) with { Ok = false });
        Assert.That(await CompareCommand.RecordAsync(Request(failed), null, TimeProvider.System), Is.EqualTo(1));
    }

    [Test]
    public async Task WithoutARecordTheRemedyIsNamed()
    {
        var results = await WriteAsync(Run("mamba", 1, 80, 4));
        Assert.That(await CompareCommand.CompareAsync(Request(results)), Is.EqualTo(2));
        await File.WriteAllTextAsync(Request(results).Recorded, "no json");
        Assert.That(() => Recorded.Load(Request(results).Recorded), Throws.TypeOf<InvalidDataException>().With.Message.Contains("--record"));
    }

    private static Comparison Compare(Recorded recorded, IReadOnlyList<RowRatio> now) => new(recorded, now, 15, _ => true);

    private static IReadOnlyList<RowRatio> Measured(params (string Row, double Rate)[] rows) => [.. rows.Select(r => new RowRatio(r.Row, r.Rate, 2, 5))];

    private static Recorded Record(params (string Row, double Rate)[] rows) => new()
    {
        Date = "2026-11-22",
        Subject = "mamba",
        Reference = "forwarder",
        Conditions = Conditions.OfThisMachine(),
        Rows = new SortedDictionary<string, RecordedRow>(rows.ToDictionary(r => r.Row, r => new RecordedRow(r.Rate, 2, 5), StringComparer.Ordinal), StringComparer.Ordinal),
    };

    private static BenchResult Run(string label, int run, double rate, double cpu) =>
        new() { Tool = "pload", Label = label, Row = "row", Run = run, Ok = true, MessagesPerSecond = rate, BrokerCpuUsPerMsg = cpu };

    private CompareCommand.Request Request(string results) => new(results, Path.Combine(_folder, "recorded.json"), "mamba", "forwarder", 15, _ => true);

    private async Task<string> WriteAsync(params BenchResult[] results)
    {
        var file = Path.Combine(_folder, $"{Guid.NewGuid():N}.jsonl");
        await File.WriteAllLinesAsync(file, results.Select(r => r.ToJson()));
        return file;
    }
}
