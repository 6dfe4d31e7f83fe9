using System.CommandLine;
using Mamba.Amqp.Conformance.Catalogue;
using Mamba.Amqp.Conformance.Reporting;
using Mamba.Amqp.Conformance.Running;

namespace Mamba.Amqp.Conformance;

/// <summary>The command line: what it takes, and what it runs.</summary>
internal static class CommandLine
{
    public static RootCommand Make()
    {
        var root = RunCommand();
        root.Subcommands.Add(CompareCommand());
        root.Subcommands.Add(CoverageCommand());
        root.Subcommands.Add(ListCommand());
        return root;
    }

    private static RootCommand RunCommand()
    {
        var uri = new Option<string>("--uri") { Description = "The broker: amqp://[user:password@]host:port.", DefaultValueFactory = _ => "amqp://127.0.0.1:5672" };
        var user = new Option<string?>("--user") { Description = "Log in as PLAIN with this user; ANONYMOUS without." };
        var password = new Option<string?>("--password");
        var anonymous = new Option<bool>("--anonymous") { Description = "Log in as ANONYMOUS, and use --user for the cases about logging in only." };
        var webSocket = new Option<string?>("--ws") { Description = "Where AMQP over WebSocket is taken: ws://host:port/path." };
        var adapter = new Option<string>("--adapter") { Description = "plain: the broker makes queues when they are attached to; rabbitmq: by its HTTP API.", DefaultValueFactory = _ => "plain" };
        var admin = new Option<string?>("--admin") { Description = "rabbitmq: http://user:password@host:15672 of the management plugin." };
        var queue = new Option<string>("--queue-address") { Description = "plain: how a queue is addressed; {0} is its name.", DefaultValueFactory = _ => "{0}" };
        var topic = new Option<string>("--topic-address") { Description = "plain: how a topic is addressed; empty when there are none.", DefaultValueFactory = _ => "topic://{0}" };
        var missing = new Option<string?>("--missing-address") { Description = "plain: an address that leads nowhere, where not every address makes a node." };
        var filter = new Option<string?>("--filter") { Description = "Only cases whose id or part begins with one of these, separated by commas." };
        var name = new Option<string?>("--name") { Description = "What the report calls the broker." };
        var report = new Option<string?>("--report") { Description = "Write an HTML report." };
        var json = new Option<string?>("--json") { Description = "Write the results as JSON." };
        var guard = new Option<double>("--patience") { Description = "Seconds a case has.", DefaultValueFactory = _ => 10 };
        var parallel = new Option<int>("--parallel") { Description = "Cases that run at the same time.", DefaultValueFactory = _ => 1 };
        var verbose = new Option<bool>("--verbose") { Description = "Print the wire trace of every case that did not pass." };
        var root = new RootCommand("A black-box AMQP 1.0 conformance suite: host and port in, verdict out. Exit code 0 when nothing failed.")
        {
            uri, user, password, anonymous, webSocket, adapter, admin, queue, topic, missing, filter, name, report, json, guard, parallel, verbose,
        };
        root.SetAction((parsed, stop) => SuiteRun.RunAsync(
            new SuiteRun.Settings(
                new Uri(parsed.GetValue(uri)!), parsed.GetValue(user), parsed.GetValue(password), parsed.GetValue(anonymous), parsed.GetValue(webSocket),
                parsed.GetValue(adapter)!, parsed.GetValue(admin), parsed.GetValue(queue)!, parsed.GetValue(topic)!, parsed.GetValue(missing),
                parsed.GetValue(filter), parsed.GetValue(name), parsed.GetValue(report), parsed.GetValue(json),
                TimeSpan.FromSeconds(parsed.GetValue(guard)), parsed.GetValue(parallel), parsed.GetValue(verbose)),
            stop));
        return root;
    }

    private static Command CompareCommand()
    {
        var files = new Argument<string[]>("results") { Description = "Files that --json wrote." };
        var report = new Option<string?>("--report") { Description = "Write them side by side as an HTML page too, with the wire traces." };
        var command = new Command("compare", "Print results side by side as Markdown.") { files, report };
        command.SetAction(async (parsed, stop) =>
        {
            List<ResultFile> results = [];
            foreach (var file in parsed.GetValue(files)!)
            {
                results.Add(ResultFile.Parse(await File.ReadAllTextAsync(file, stop)));
            }

            if (parsed.GetValue(report) is { } page)
            {
                await File.WriteAllTextAsync(page, HtmlReport.Render(results), stop);
            }

            await Console.Out.WriteAsync(Comparison.ToMarkdown(results));
            return 0;
        });
        return command;
    }

    private static Command CoverageCommand()
    {
        var spec = new Option<string?>("--spec") { Description = "Print statements.tsv from the specification's XML in this folder instead." };
        var command = new Command("coverage", "Print the coverage index (conformance-tests/COVERAGE.md).") { spec };
        command.SetAction(async (parsed, _) =>
        {
            var text = parsed.GetValue(spec) is { } folder ? StatementTable.Render(SpecText.Read(folder)) : Coverage.Load().ToMarkdown();
            await Console.Out.WriteAsync(text);
            return 0;
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

            return 0;
        });
        return command;
    }
}
