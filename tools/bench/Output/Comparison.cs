using System.Globalization;
using System.Text;

namespace Mamba.Tools.Bench.Output;

/// <summary>What became of one recorded row.</summary>
public enum RowVerdict
{
    /// <summary>Within the tolerance, either way.</summary>
    Holds,

    /// <summary>Better by more than the tolerance: worth recording anew.</summary>
    Improved,

    /// <summary>Its rate ratio fell by more than the tolerance.</summary>
    Fell,

    /// <summary>Recorded, and not measured now: a row that fails must not pass unseen.</summary>
    Missing,

    /// <summary>Measured, and not recorded yet.</summary>
    New,
}

/// <summary>One row of a comparison; what was not recorded, or not measured, is null.</summary>
internal sealed record ComparedRow(string Row, RecordedRow? Recorded, RowRatio? Now, RowVerdict Verdict)
{
    /// <summary>The change of the rate ratio, in percent of the recorded one.</summary>
    public double? Change => Recorded is { } then && Now is { } now ? (now.Rate / then.Rate - 1) * 100 : null;

    public bool Fails => Verdict is RowVerdict.Fell or RowVerdict.Missing;
}

/// <summary>
/// Measured ratios held against recorded ones. Only the rate decides: broker CPU per message is shown beside it, because it
/// says where a change comes from.
/// </summary>
internal sealed class Comparison
{
    private readonly string _subject;
    private readonly string _reference;
    private readonly double _tolerance;

    /// <param name="recorded">What was.</param>
    /// <param name="now">What is.</param>
    /// <param name="tolerance">Percent by which a rate ratio may fall.</param>
    /// <param name="wanted">Whether a row was meant to be measured at all.</param>
    public Comparison(Recorded recorded, IReadOnlyList<RowRatio> now, double tolerance, Func<string, bool> wanted)
    {
        (_subject, _reference, _tolerance) = (recorded.Subject, recorded.Reference, tolerance);
        var rows = new List<ComparedRow>();
        foreach (var ratio in now.Where(r => wanted(r.Row)))
        {
            var then = recorded.Rows.GetValueOrDefault(ratio.Row);
            rows.Add(new ComparedRow(ratio.Row, then, ratio, Judge(then, ratio)));
        }

        foreach (var (row, then) in recorded.Rows.Where(r => wanted(r.Key) && now.All(n => n.Row != r.Key)))
        {
            rows.Add(new ComparedRow(row, then, null, RowVerdict.Missing));
        }

        Rows = rows;
    }

    public IReadOnlyList<ComparedRow> Rows { get; }

    /// <summary>True when a row fell or is missing, or nothing was compared.</summary>
    public bool Fails => Rows.Any(r => r.Fails) || Rows.All(r => r.Recorded is null);

    public string ToMarkdown()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"| row | rate, {_subject} : {_reference}, recorded | now | change | CPU a message, recorded | now | |\n|---|---|---|---|---|---|---|\n");
        foreach (var row in Rows)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {row.Row} | {Percent(row.Recorded?.Rate)} | {Percent(row.Now?.Rate)} | {Signed(row.Change)} ")
                .Append(CultureInfo.InvariantCulture, $"| {Times(row.Recorded?.Cpu)} | {Times(row.Now?.Cpu)} | {Words(row)} |\n");
        }

        return text.ToString();
    }

    /// <summary>One line for each row that fails, with its numbers and what to do; empty when none does.</summary>
    public IEnumerable<string> Complaints()
    {
        foreach (var row in Rows.Where(r => r.Fails))
        {
            yield return row.Verdict == RowVerdict.Missing
                ? $"{row.Row}: recorded {Percent(row.Recorded!.Rate)}, not measured now: its runs failed, or it has another name"
                : string.Create(CultureInfo.InvariantCulture, $"{row.Row}: recorded {Percent(row.Recorded!.Rate)} of {_reference}'s rate, now {Percent(row.Now!.Rate)}: {Signed(row.Change)}, at most -{_tolerance:0.#} % is let through");
        }

        if (Rows.All(r => r.Recorded is null))
        {
            yield return "no row was compared: none of those measured is recorded";
        }
    }

    private RowVerdict Judge(RecordedRow? then, RowRatio now)
    {
        if (then is null)
        {
            return RowVerdict.New;
        }

        var change = (now.Rate / then.Rate - 1) * 100;
        return change < -_tolerance ? RowVerdict.Fell : change > _tolerance ? RowVerdict.Improved : RowVerdict.Holds;
    }

    private static string Words(ComparedRow row) => row.Verdict switch
    {
        RowVerdict.Fell => "**FELL**",
        RowVerdict.Missing => "**NOT MEASURED**",
        RowVerdict.Improved => "improved: record it",
        RowVerdict.New => "new: record it",
        _ => "holds",
    };

    private static string Percent(double? ratio) => ratio is { } known ? string.Create(CultureInfo.InvariantCulture, $"{known * 100:0.#} %") : "";

    private static string Times(double? ratio) => ratio is { } known ? string.Create(CultureInfo.InvariantCulture, $"{known:0.00}x") : "";

    private static string Signed(double? percent) => percent is { } known ? string.Create(CultureInfo.InvariantCulture, $"{known:+0.#;-0.#;0} %") : "";
}
