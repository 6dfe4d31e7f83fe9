using System.CommandLine;
using Mamba.Tools.Bench.Load;
using Mamba.Tools.Bench.Measuring;
using Mamba.Tools.Bench.Scenarios;

namespace Mamba.Tools.Bench.Output;

/// <summary>The commands that consist of several runs: queues, selectors, growth. Exit codes as those of one run.</summary>
internal static class ScenarioCommands
{
    // Long enough for a backlog of ten million and its draining on a slow disk.
    private static readonly TimeSpan PartTimeout = TimeSpan.FromMinutes(20);

    public static void AddTo(RootCommand root)
    {
        root.Subcommands.Add(Queues());
        root.Subcommands.Add(Selectors());
        root.Subcommands.Add(Growth());
    }

    private static Command Queues()
    {
        var common = new CommandLine(Defaults(200_000));
        var queues = Number("--queues", "Queues to make; the memory each of them takes is reported.", 10_000);
        var active = Number("--active", "Of these, queues with a producer and a consumer in the large run.", 1_000);
        var few = Number("--few", "And in the run it is compared with.", 10);
        var rounds = Number("--rounds", "How often both are run, in turn.", 3);
        var settle = Number("--settle", "Seconds the broker is left alone before its memory is read.", 3);
        var command = new Command("queues", "Make --queues queues on a freshly started broker, report the memory of each, then compare the rate of --active of them with that of --few.")
        {
            queues, active, few, rounds, settle,
        };
        return Complete(command, common, needsBroker: true, (parsed, options) =>
        {
            var many = new ManyQueuesOptions(parsed.GetValue(queues), parsed.GetValue(active), parsed.GetValue(few), parsed.GetValue(rounds), TimeSpan.FromSeconds(parsed.GetValue(settle)));
            return (many.Problem(), series => new ManyQueues(options, many, series).RunAsync());
        });
    }

    private static Command Selectors()
    {
        var common = new CommandLine(Defaults(200_000) with { Selector = "region = '%d' AND amount > 10" });
        var consumers = Number("--consumers", "Consumers, each with its own selector, of which every message matches exactly one.", 100);
        var topic = new Option<string>("--topic-address") { Description = "The topic; empty measures a queue only.", DefaultValueFactory = _ => "topic://bench-selectors" };
        var rounds = Number("--rounds", "How often each part is run, in turn.", 3);
        var command = new Command("selectors", "Compare the broker's CPU time per message with and without selectors, on a queue and on a topic.") { consumers, topic, rounds };
        return Complete(command, common, needsBroker: true, (parsed, options) =>
        {
            var selectors = new SelectorsOptions(parsed.GetValue(consumers), options.Selector ?? "", parsed.GetValue(topic) ?? "", parsed.GetValue(rounds));
            return (selectors.Problem(), series => new Selectors(options with { Selector = null }, selectors, series).RunAsync());
        });
    }

    private static Command Growth()
    {
        var common = new CommandLine(Defaults(200_000) with { Backlog = 1_000_000 });
        var vary = new Option<string>("--vary")
        {
            Description = $"What grows: {string.Join(", ", GrowthOptions.All)}, joined by commas.",
            DefaultValueFactory = _ => string.Join(',', GrowthOptions.All),
        };
        var upTo = Number("--up-to", "The largest number of consumers, queues and credit.", 10_000);
        var rounds = Number("--rounds", "How often the steps are run, in turn.", 1);
        var command = new Command("growth", "The same messages with more of one thing: --backlog messages waiting, 1 to 1,000 consumers, 1 to 1,000 queues, a credit of 1 to 10,000.") { vary, upTo, rounds };
        return Complete(command, common, needsBroker: false, (parsed, options) =>
        {
            var names = parsed.GetValue(vary)!.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            var growth = new GrowthOptions(names, parsed.GetValue(upTo), parsed.GetValue(rounds));
            return (growth.Problem(), series => new Growth(options, growth, series).RunAsync());
        });
    }

    private static Command Complete(Command command, CommandLine common, bool needsBroker, Func<ParseResult, BenchOptions, (string? Problem, Func<Series, Task> Run)> make)
    {
        common.AddTo(command);
        command.SetAction(async (parsed, stop) =>
        {
            if (common.Read(BenchMode.Both, parsed, out var problem) is not { } options)
            {
                return await RefuseAsync(problem);
            }

            var (wrong, run) = make(parsed, options);
            problem = wrong ?? (options with { Selector = null, Backlog = 0 }).Problem();
            problem ??= needsBroker && options.BrokerProcesses is null ? "--broker-pid is needed: the figures are the broker's memory and CPU time" : null;
            return problem is null ? await RunAsync(options, run, stop) : await RefuseAsync(problem);
        });
        return command;
    }

    private static async Task<int> RunAsync(BenchOptions options, Func<Series, Task> run, CancellationToken stop)
    {
        ProcessMeter? broker;
        try
        {
            broker = options.BrokerProcesses is { } ids ? ProcessMeter.Parse(ids) : null;
        }
        catch (ArgumentException e)
        {
            return await RefuseAsync(e.Message);
        }

        var series = new Series(options, broker, stop);
        try
        {
            await run(series);
        }
        catch (Amqp.Transport.AmqpException e)
        {
            await Console.Error.WriteLineAsync($"bench: {e.Message}");
            return 1;
        }
        catch (OperationCanceledException)
        {
            await Console.Error.WriteLineAsync("bench: stopped");
            return 1;
        }

        return series.Ok ? 0 : 1;
    }

    private static async Task<int> RefuseAsync(string? problem)
    {
        await Console.Error.WriteLineAsync($"bench: {problem}");
        return 2;
    }

    private static CommandDefaults Defaults(long count) => new("Messages of each part, of all its senders together.", count, PartTimeout);

    private static Option<int> Number(string name, string description, int value) => new(name) { Description = description, DefaultValueFactory = _ => value };
}
