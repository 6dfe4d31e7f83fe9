using Mamba.Amqp.Conformance.Adapters;
using Mamba.Amqp.Conformance.Reporting;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Conformance.Running;

/// <summary>A run from the command line.</summary>
public static class SuiteRun
{
    public sealed record Settings(
        Uri Uri, string? User, string? Password, bool Anonymous, string? WebSocket,
        string Adapter, string? Admin, string QueuePattern, string TopicPattern, string? Missing,
        string? Filter, string? Name, string? Report, string? Json,
        TimeSpan Patience, int Parallel, bool Verbose);

    /// <summary>Runs what the settings select; 0 when nothing failed, 1 when something did, 2 when there is no broker.</summary>
    public static async Task<int> RunAsync(Settings settings, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var broker = BrokerTarget.Parse(settings.Uri, settings.User, settings.Password) with
        {
            Anonymous = settings.Anonymous,
            WebSocket = settings.WebSocket is null ? null : new Uri(settings.WebSocket),
        };
        await using var adapter = MakeAdapter(settings);
        if (await ProductAsync(broker, adapter, settings.Patience) is not { } product)
        {
            return 2;
        }

        var cases = Select(settings.Filter);
        var results = await new SuiteRunner(broker, adapter, settings.Patience).RunAllAsync(cases, settings.Parallel, r => Print(r, settings.Verbose));
        var command = $"dotnet run -c Release --project conformance-tests/Mamba.Amqp.Conformance -- {string.Join(' ', Environment.GetCommandLineArgs().Skip(1))}";
        var file = ResultFile.Of(settings.Name ?? product.Split(' ')[0], product, TimeProvider.System.GetUtcNow(), command, results);
        if (settings.Report is not null)
        {
            await File.WriteAllTextAsync(settings.Report, HtmlReport.Render([file]), cancel);
        }

        if (settings.Json is not null)
        {
            await File.WriteAllTextAsync(settings.Json, file.ToJson(), cancel);
        }

        Console.WriteLine($"{file.Count("pass")} passed, {file.Count("fail")} failed, {file.Count("n/a")} not applicable");
        return file.Count("fail") == 0 ? 0 : 1;
    }

    /// <summary>The cases whose id or group begins with one of the words, separated by commas; all when there is none.</summary>
    public static IReadOnlyList<ConformanceCase> Select(string? filter)
    {
        var words = (filter ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return words.Length == 0 ? ConformanceCase.All : [.. ConformanceCase.All.Where(c => words.Any(w =>
            c.Id.StartsWith(w, StringComparison.OrdinalIgnoreCase) || c.Group.StartsWith(w, StringComparison.OrdinalIgnoreCase)))];
    }

    private static IBrokerAdapter MakeAdapter(Settings settings) => settings.Adapter switch
    {
        "plain" => new PlainAdapter(settings.QueuePattern, settings.TopicPattern.Length > 0 ? settings.TopicPattern : null, settings.Missing),
        "rabbitmq" => new RabbitMqAdapter(settings.Admin is null ? null : new Uri(settings.Admin)),
        var other => throw new ArgumentException($"there is no adapter {other}: plain or rabbitmq", nameof(settings)),
    };

    /// <summary>What the broker calls itself; null, with the reason printed, when it cannot be talked to.</summary>
    private static async Task<string?> ProductAsync(BrokerTarget broker, IBrokerAdapter adapter, TimeSpan patience)
    {
        using var guard = new CancellationTokenSource(patience);
        await using var context = new CaseContext(broker, adapter, "hello", guard.Token);
        try
        {
            var remote = (await context.OpenAsync()).Remote;
            string? Property(string name) => remote.Properties?.TryGetValue<string>(new Symbol(name), out var value) == true ? value : null;
            return $"{Property("product") ?? remote.ContainerId} {Property("version")}".Trim();
        }
        catch (Exception e)
        {
            await Console.Error.WriteLineAsync($"{broker.Host}:{broker.Port} could not be opened as an AMQP 1.0 broker: {e.Message}");
            foreach (var line in context.Trace.Lines)
            {
                await Console.Error.WriteLineAsync($"  {line}");
            }

            return null;
        }
    }

    private static void Print(CaseResult result, bool verbose)
    {
        var word = ResultFile.Word(result.Verdict);
        Console.WriteLine($"{word,-4} {result.Case.Id,-16} {result.Case.Title}{(result.Detail is null ? "" : $"\n       {result.Detail}")}");
        if (verbose && result.Verdict == Verdict.Fail)
        {
            foreach (var line in result.Trace)
            {
                Console.WriteLine($"       {line}");
            }
        }
    }
}
