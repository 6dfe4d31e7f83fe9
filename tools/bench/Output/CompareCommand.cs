using System.CommandLine;
using System.CommandLine.Parsing;
using System.IO.Enumeration;
using Mamba.Tools.Bench.Measuring;

namespace Mamba.Tools.Bench.Output;

/// <summary>compare: holds the ratios of measured rows against recorded ones, or records them.</summary>
internal static class CompareCommand
{
    public static Command Make(TimeProvider clock)
    {
        var file = new Argument<string>("results") { Description = "A file of JSON lines that --json wrote." };
        var recorded = new Option<string>("--recorded") { Required = true, Description = "The file with the recorded ratios." };
        var record = new Option<bool>("--record") { Description = "Write that file instead of comparing with it. With --rows, other rows keep what they have." };
        var subject = new Option<string>("--subject") { Description = "The label that is judged.", DefaultValueFactory = _ => "mamba" };
        var reference = new Option<string>("--reference") { Description = "The label it is compared with.", DefaultValueFactory = _ => "forwarder" };
        var tolerance = new Option<double>("--tolerance") { Description = "Percent by which the ratio of a rate may fall.", DefaultValueFactory = _ => 15 };
        var rows = new Option<string[]>("--rows") { Description = "Only rows that match one of these patterns (* and ?).", AllowMultipleArgumentsPerToken = true };
        var version = new Option<string?>("--version-name") { Description = "What was measured, such as a commit; for --record." };
        var failing = new Option<string?>("--failing") { Description = "Write the names of rows that fell or are missing to this file, one a line." };
        var command = new Command("compare", "Compare the ratio of each row to a reference with a recorded one; exit code 1 when one fell by more than --tolerance, or is missing.")
        {
            file, recorded, record, subject, reference, tolerance, rows, version, failing,
        };
        command.SetAction(async (parsed, _) =>
        {
            var patterns = parsed.GetValue(rows) ?? [];
            var request = new Request(
                parsed.GetValue(file)!, parsed.GetValue(recorded)!, parsed.GetValue(subject)!, parsed.GetValue(reference)!, parsed.GetValue(tolerance),
                row => patterns.Length == 0 || patterns.Any(p => FileSystemName.MatchesSimpleExpression(p, row, ignoreCase: false)));
            try
            {
                return parsed.GetValue(record)
                    ? await RecordAsync(request, parsed.GetValue(version), clock)
                    : await CompareAsync(request, parsed.GetValue(failing));
            }
            catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
            {
                await Console.Error.WriteLineAsync($"bench: {e.Message}");
                return 2;
            }
        });
        return command;
    }

    internal static async Task<int> CompareAsync(Request request, string? failing = null)
    {
        if (!File.Exists(request.Recorded))
        {
            await Console.Error.WriteLineAsync($"bench: nothing is recorded in {request.Recorded}: write it with --record on the version to compare with");
            return 2;
        }

        var comparison = new Comparison(Recorded.Load(request.Recorded), request.Ratios(), request.Tolerance, request.Wanted);
        await Console.Out.WriteAsync(comparison.ToMarkdown());
        foreach (var complaint in comparison.Complaints())
        {
            await Console.Error.WriteLineAsync($"bench: {complaint}");
        }

        if (failing is not null)
        {
            await File.WriteAllLinesAsync(failing, comparison.Rows.Where(r => r.Fails).Select(r => r.Row));
        }

        return comparison.Fails ? 1 : 0;
    }

    internal static async Task<int> RecordAsync(Request request, string? version, TimeProvider clock)
    {
        var failed = request.Results.FirstOrDefault(r => !r.Ok && request.Wanted(r.Row));
        var ratios = request.Ratios().Where(r => request.Wanted(r.Row)).ToList();
        if (failed is not null || ratios.Count == 0)
        {
            await Console.Error.WriteLineAsync(failed is null
                ? $"bench: nothing to record: no row was measured for both {request.Subject} and {request.Reference}"
                : $"bench: not recorded: a run of '{failed.Row}' failed for {failed.Label}: {string.Join("; ", failed.Failures ?? [])}");
            return 1;
        }

        var rows = File.Exists(request.Recorded) ? Recorded.Load(request.Recorded).Rows : [];
        foreach (var row in rows.Keys.Where(request.Wanted).ToList())
        {
            rows.Remove(row);
        }

        foreach (var ratio in ratios)
        {
            rows[ratio.Row] = new RecordedRow(ratio.Rate, ratio.Cpu, ratio.Runs);
        }

        new Recorded
        {
            Date = clock.GetUtcNow().ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture),
            Version = version,
            Subject = request.Subject,
            Reference = request.Reference,
            Conditions = Conditions.OfThisMachine(),
            Rows = rows,
        }.Save(request.Recorded);
        await Console.Out.WriteLineAsync($"recorded {ratios.Count} rows in {request.Recorded}");
        return 0;
    }

    /// <param name="Wanted">Which rows are meant.</param>
    internal sealed record Request(string File, string Recorded, string Subject, string Reference, double Tolerance, Func<string, bool> Wanted)
    {
        private IReadOnlyList<BenchResult>? _results;

        public IReadOnlyList<BenchResult> Results => _results ??= Report.ReadAll(File);

        public IReadOnlyList<RowRatio> Ratios() => Output.Ratios.Of(Results, Subject, Reference);
    }
}
