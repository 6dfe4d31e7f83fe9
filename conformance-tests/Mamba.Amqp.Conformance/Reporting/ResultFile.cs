using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Mamba.Amqp.Conformance.Running;

namespace Mamba.Amqp.Conformance.Reporting;

/// <summary>One case in a result file.</summary>
public sealed record CaseEntry(
    string Id, string Group, string Section, string Title, string Verdict, string? Detail, double Milliseconds, IReadOnlyList<string> Trace);

/// <summary>The results of a run, as written by --json and read by compare.</summary>
/// <param name="Broker">What the report calls the broker.</param>
/// <param name="Product">What the broker calls itself: product and version of its open's properties.</param>
/// <param name="Command">The command line that made the run.</param>
public sealed record ResultFile(string Broker, string Product, DateTimeOffset When, string Command, IReadOnlyList<CaseEntry> Cases)
{
    /// <summary>Why the run did not come to its end; null when it did.</summary>
    public string? Cut { get; init; }

    /// <summary>How many cases were to be run; 0 in files of older versions.</summary>
    public int Planned { get; init; }

    /// <summary>That the run was cut, why, and what there is of it; null when it was not.</summary>
    [JsonIgnore]
    public string? Incomplete => Cut is null ? null : string.Create(
        CultureInfo.InvariantCulture, $"This run was cut: {Cut}. It has {Cases.Count} of {Planned} cases, and says nothing of the others.");

    private static readonly JsonSerializerOptions Format = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static ResultFile Of(string broker, string product, DateTimeOffset when, string command, IEnumerable<CaseResult> results) => new(
        broker,
        product,
        when,
        command,
        [.. results.Select(static r => new CaseEntry(
            r.Case.Id, r.Case.Group, r.Case.Section, r.Case.Title, Word(r.Verdict), r.Detail, Math.Round(r.Milliseconds, 1), r.Trace))]);

    /// <summary>The verdict as the report says it: pass, fail or n/a.</summary>
    public static string Word(Verdict verdict) => verdict switch
    {
        Verdict.Pass => "pass",
        Verdict.Fail => "fail",
        _ => "n/a",
    };

    public int Count(string verdict) => Cases.Count(c => c.Verdict == verdict);

    public string ToJson() => JsonSerializer.Serialize(this, Format) + "\n";

    public static ResultFile Parse(string json) =>
        JsonSerializer.Deserialize<ResultFile>(json, Format) is { Broker: not null, Product: not null, Command: not null, Cases: not null } file && file.Cases.All(IsWhole)
            ? file
            : throw new FormatException("it is not what --json writes");

    private static bool IsWhole(CaseEntry? entry) => entry is { Id: not null, Group: not null, Section: not null, Title: not null, Trace: not null, Verdict: "pass" or "fail" or "n/a" };
}
