using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Mamba.Amqp.Conformance.Catalogue;
using Mamba.Amqp.Conformance.Reporting;
using Mamba.Amqp.Conformance.Running;
using Mamba.Tools;

namespace Mamba.Amqp.Conformance;

/// <summary>The command line: what it takes, and what it runs.</summary>
internal static class CommandLine
{
    /// <summary>Runs what the arguments say; the exit code is one of <see cref="ExitCodes"/>, or 128 and the number of a signal.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        var parsed = Make().Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors)
            {
                await Console.Error.WriteLineAsync(error.Message);
            }

            await Console.Error.WriteLineAsync("--help lists what there is.");
            return ExitCodes.Usage;
        }

        return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
    }

    private static RootCommand Make()
    {
        var root = new RunOptions().Command();
        root.Subcommands.Add(CompareCommand());
        root.Subcommands.Add(CoverageCommand());
        root.Subcommands.Add(ListCommand());
        return root;
    }

    private static Command CompareCommand()
    {
        var files = new Argument<string[]>("results") { Description = "Files that --json wrote.", Arity = ArgumentArity.OneOrMore };
        var report = new Option<string?>("--report") { Description = "Write them side by side as an HTML page too, with the wire traces." };
        var command = new Command("compare", "Print results side by side as Markdown.") { files, report };
        command.SetAction(async (parsed, stop) =>
        {
            List<ResultFile> results = [];
            foreach (var file in parsed.GetValue(files)!)
            {
                try
                {
                    results.Add(ResultFile.Parse(await File.ReadAllTextAsync(file, stop)));
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or FormatException)
                {
                    await Console.Error.WriteLineAsync($"{file} cannot be read as results: {e.Message.TrimEnd('.')}. Results are what a run writes with --json.");
                    return ExitCodes.Usage;
                }
            }

            return await CompareAsync(results, parsed.GetValue(report));
        });
        return command;
    }

    private static async Task<int> CompareAsync(IReadOnlyList<ResultFile> results, string? report)
    {
        try
        {
            await RunFiles.WriteAsync(report, () => HtmlReport.Render(results));
        }
        catch (UnwritableException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return ExitCodes.Usage;
        }

        await Console.Out.WriteAsync(Comparison.ToMarkdown(results));
        return ExitCodes.Passed;
    }

    private static Command CoverageCommand()
    {
        var spec = new Option<string?>("--spec") { Description = "Print statements.tsv from the specification's XML in this folder instead." };
        var command = new Command("coverage", "Print the coverage index (conformance-tests/COVERAGE.md).") { spec };
        command.SetAction(async (parsed, _) =>
        {
            var text = parsed.GetValue(spec) is { } folder ? StatementTable.Render(SpecText.Read(folder)) : Coverage.Load().ToMarkdown();
            await Console.Out.WriteAsync(text);
            return ExitCodes.Passed;
        });
        return command;
    }

    private static Command ListCommand()
    {
        var command = new Command("list", "Print every case with its section and title.");
        command.SetAction(async (_, _) =>
        {
            foreach (var c in ConformanceCase.All)
            {
                await Console.Out.WriteLineAsync($"{c.Id,-16} {c.Group,-13} §{c.Section,-10} {c.Title}");
            }

            return ExitCodes.Passed;
        });
        return command;
    }

    /// <summary>The options of a run, and their checks.</summary>
    private sealed class RunOptions
    {
        private readonly Option<string> _uri = new("--uri") { Description = "The broker: amqp://[user:password@]host:port.", DefaultValueFactory = _ => "amqp://127.0.0.1:5672" };
        private readonly Option<string?> _user = new("--user") { Description = "Log in as PLAIN with this user; ANONYMOUS without." };
        private readonly Option<string?> _password = new("--password") { Description = "The user's password." };
        private readonly Option<bool> _anonymous = new("--anonymous") { Description = "Log in as ANONYMOUS, and use --user for the cases about logging in only." };
        private readonly Option<string?> _webSocket = new("--ws") { Description = "Where AMQP over WebSocket is taken: ws://host:port/path." };
        private readonly Option<string> _adapter = new("--adapter") { Description = "plain: the broker makes queues when they are attached to; rabbitmq: by its HTTP API.", DefaultValueFactory = _ => "plain" };
        private readonly Option<string?> _admin = new("--admin") { Description = "rabbitmq: http://user:password@host:15672 of the management plugin." };
        private readonly Option<string> _queue = new("--queue-address") { Description = "plain: how a queue is addressed; {0} is its name.", DefaultValueFactory = _ => "{0}" };
        private readonly Option<string> _topic = new("--topic-address") { Description = "plain: how a topic is addressed; empty when there are none.", DefaultValueFactory = _ => "topic://{0}" };
        private readonly Option<string?> _missing = new("--missing-address") { Description = "plain: an address that leads nowhere, where not every address makes a node." };
        private readonly Option<string?> _filter = new("--filter") { Description = "Only cases whose id or part begins with one of these, separated by commas." };
        private readonly Option<string?> _name = new("--name") { Description = "What the report calls the broker." };
        private readonly Option<string?> _report = new("--report") { Description = "Write an HTML report." };
        private readonly Option<string?> _json = new("--json") { Description = "Write the results as JSON." };
        private readonly Option<double> _patience = new("--patience") { Description = "Seconds a case has.", DefaultValueFactory = _ => 10 };
        private readonly Option<int> _parallel = new("--parallel") { Description = "Cases that run at the same time.", DefaultValueFactory = _ => 1 };
        private readonly Option<bool> _verbose = new("--verbose") { Description = "Print the wire trace of every case that failed." };

        public RootCommand Command()
        {
            Check(_uri, static text => Target(text, "amqp") is null ? "a broker's address is amqp://host:port (plain TCP: the suite does not speak TLS)" : null);
            Check(_webSocket, static text => text is null || Target(text, "ws") is not null ? null : "a WebSocket address is ws://host:port/path (the suite does not speak TLS)");
            Check(_admin, static text => text is null || Target(text, "http", "https") is not null ? null : "a management address is http://user:password@host:port");
            Check(_adapter, static text => text is "plain" or "rabbitmq" ? null : "there are the adapters plain and rabbitmq");
            Check(_queue, static text => IsPattern(text) ? null : "an address pattern has {0} where the name of the queue belongs, such as queue://{0}");
            Check(_topic, static text => text!.Length == 0 || IsPattern(text) ? null : "an address pattern has {0} where the name of the topic belongs, such as topic://{0}");
            Check(_filter, static text => SuiteRun.Select(text).Count > 0 ? null : "no case's id or part begins so; the command list prints them");
            CheckNumber(_patience, 0.1, 3_600, "seconds");
            CheckNumber(_parallel, 1, 256, "cases");
            var root = new RootCommand("A black-box AMQP 1.0 conformance suite: host and port in, verdict out. Exit code 0 when nothing failed.")
            {
                _uri, _user, _password, _anonymous, _webSocket, _adapter, _admin, _queue, _topic, _missing, _filter, _name, _report, _json, _patience, _parallel, _verbose,
            };
            root.SetAction(async (parsed, _) =>
            {
                using var interruption = new Interruption("Ending the run, and writing what there is; once more ends it at once.");
                var code = await new SuiteRun(Read(parsed), Console.Out, Console.Error).RunAsync(interruption.Token);
                return interruption.ExitCode ?? code;
            });
            return root;
        }

        private SuiteSettings Read(ParseResult parsed) => new(BrokerTarget.Parse(new Uri(parsed.GetValue(_uri)!), parsed.GetValue(_user), parsed.GetValue(_password)) with
        {
            Anonymous = parsed.GetValue(_anonymous),
            WebSocket = parsed.GetValue(_webSocket) is { } ws ? new Uri(ws) : null,
        })
        {
            Adapter = parsed.GetValue(_adapter)!,
            Admin = parsed.GetValue(_admin) is { } admin ? new Uri(admin) : null,
            QueuePattern = parsed.GetValue(_queue)!,
            TopicPattern = parsed.GetValue(_topic)!,
            Missing = parsed.GetValue(_missing),
            Filter = parsed.GetValue(_filter),
            Name = parsed.GetValue(_name),
            Report = parsed.GetValue(_report),
            Json = parsed.GetValue(_json),
            Patience = TimeSpan.FromSeconds(parsed.GetValue(_patience)),
            Parallel = parsed.GetValue(_parallel),
            Verbose = parsed.GetValue(_verbose),
            Command = $"dotnet run -c Release --project conformance-tests/Mamba.Amqp.Conformance -- {WithoutPasswords([.. Environment.GetCommandLineArgs().Skip(1)])}",
        };

        /// <summary>For the report, which is shown around.</summary>
        private static string WithoutPasswords(string[] arguments) => string.Join(' ', arguments.Select((argument, i) =>
            i > 0 && arguments[i - 1] == "--password" ? "..."
            : argument.StartsWith("--password=", StringComparison.Ordinal) ? "--password=..."
            : Uri.TryCreate(argument[(argument.IndexOf('=', StringComparison.Ordinal) + 1)..], UriKind.Absolute, out var uri) && uri.UserInfo.Contains(':', StringComparison.Ordinal)
                ? argument.Replace(uri.UserInfo, $"{uri.UserInfo.Split(':')[0]}:...", StringComparison.Ordinal)
                : argument));

        private static void Check(Option option, Func<string?, string?> problem) =>
            option.Validators.Add(result =>
            {
                if (problem(result.GetValueOrDefault<string?>()) is { } wrong)
                {
                    result.AddError($"{option.Name} '{result.GetValueOrDefault<string?>()}': {wrong}.");
                }
            });

        private static void CheckNumber(Option option, double least, double most, string unit) =>
            option.Validators.Add(result =>
            {
                // What is no number at all is found when it is read.
                var text = result.Tokens is [.., var last] ? last.Value : null;
                if (double.TryParse(text, CultureInfo.InvariantCulture, out var number) && !(number >= least && number <= most))
                {
                    result.AddError(string.Create(CultureInfo.InvariantCulture, $"{option.Name} {text}: it takes {least} to {most} {unit}."));
                }
            });

        private static Uri? Target(string? text, params string[] schemes) =>
            Uri.TryCreate(text, UriKind.Absolute, out var uri) && schemes.Contains(uri.Scheme) && uri.Host.Length > 0 ? uri : null;

        private static bool IsPattern(string? text)
        {
            try
            {
                return text is not null && string.Format(CultureInfo.InvariantCulture, text, "\0").Contains('\0', StringComparison.Ordinal);
            }
            catch (FormatException)
            {
                return false;
            }
        }
    }
}
