using System.CommandLine;
using Mamba.Tools.Bench.Load;
using Mamba.Tools.Bench.Output;

var root = new RootCommand("Load generator and checker for any AMQP 1.0 broker. A run fails on a lost, doubled, reordered, altered or rejected message.");
AddLoad(BenchMode.Send, "send", "Send only; the rate counts outcomes, or what the broker took.");
AddLoad(BenchMode.Receive, "receive", "Receive --count messages on each receiver.");
AddLoad(BenchMode.Both, "both", "Send and receive at once; latency from end to end.");
AddLoad(BenchMode.PingPong, "pingpong", "One message under way: sent, received, accepted, next.");
AddLoad(BenchMode.Hold, "hold", "Open --connections connections, keep them idle for --duration (5s), and report the broker's memory for each.");
ScenarioCommands.AddTo(root);
root.Subcommands.Add(ReportCommand());
root.Subcommands.Add(CompareCommand.Make(TimeProvider.System));
root.Subcommands.Add(ExecCommand());
return await root.Parse(args).InvokeAsync();

void AddLoad(BenchMode mode, string name, string description) =>
    root.Subcommands.Add(new CommandLine(CommandDefaults.Load).Make(mode, name, description, BenchRun.RunAsync));

static Command ReportCommand()
{
    var file = new Argument<string>("results") { Description = "A file of JSON lines that --json wrote." };
    var reference = new Option<string>("--base") { Description = "The label to compare with.", DefaultValueFactory = _ => "rabbitmq" };
    var judged = new Option<string>("--judge") { Description = "The label whose goals are shown, and whose share of the C forwarder's rate.", DefaultValueFactory = _ => "mamba" };
    var command = new Command("report", "Print medians, ratios and goals of many runs as a Markdown table.") { file, reference, judged };
    command.SetAction(async (parsed, _) =>
    {
        await Console.Out.WriteAsync(Report.Load(parsed.GetValue(file)!, parsed.GetValue(reference)!, parsed.GetValue(judged)!).ToMarkdown());
        return 0;
    });
    return command;
}

static Command ExecCommand()
{
    var label = new Option<string>("--label") { Required = true };
    var row = new Option<string>("--row") { Required = true };
    var json = new Option<string>("--json") { Required = true };
    var pid = new Option<string?>("--broker-pid");
    var number = new Option<int?>("--run");
    var program = new Argument<string[]>("command") { Description = "The other generator and its options, behind --." };
    var command = new Command("exec", "Run another load generator that prints one JSON object; add the broker's CPU time and memory.") { label, row, json, pid, number, program };
    command.SetAction((parsed, stop) => ExternalRun.RunAsync(
        parsed.GetValue(program)!, parsed.GetValue(label)!, parsed.GetValue(row)!, parsed.GetValue(pid), parsed.GetValue(number), parsed.GetValue(json)!, stop));
    return command;
}
