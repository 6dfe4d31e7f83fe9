using System.CommandLine;
using System.Globalization;
using Mamba.Tools.Bench.Load;

namespace Mamba.Tools.Bench.Output;

/// <summary>The options of the load commands, and how they become <see cref="BenchOptions"/>.</summary>
/// <param name="ordinary">Defaults that differ from command to command.</param>
internal sealed class CommandLine(CommandDefaults ordinary)
{
    private readonly Option<string> _uri = new("--uri")
    {
        Description = "The broker: amqp://[user:password@]host[:port], or amqps:// for TLS.",
        DefaultValueFactory = _ => "amqp://127.0.0.1:5672",
    };

    private readonly Option<string?> _user = Text("--user", "SASL user name (else that of --uri, else ANONYMOUS).");
    private readonly Option<string?> _password = Text("--password", "SASL password.");
    private readonly Option<string?> _ca = Text("--ca", "PEM file of the authority that signed the broker's certificate.");
    private readonly Option<string> _address = new("--address", "-a")
    {
        Description = "Where to send; %d is the sender's index.",
        DefaultValueFactory = _ => "bench",
    };

    private readonly Option<string?> _receiveAddress = Text("--receive-address", "Where to receive; %d is the receiver's index (default: as --address).");
    private readonly Option<long> _count = Number("--count", ordinary.CountHelp, ordinary.Count);
    private readonly Option<string?> _duration = Text("--duration", "Send for so long instead, such as 10s or 2m.");
    private readonly Option<long> _warmup = Number("--warmup", "Messages per sender that are sent and checked first and left out of the figures.", 0L);
    private readonly Option<int> _size = Number("--size", "Bytes of each body, 28 or more.", 1024);
    private readonly Option<bool> _durable = Flag("--durable", "Durable messages.");
    private readonly Option<bool> _settled = Flag("--settled", "Settled when sent: at most once, no outcome.");
    private readonly Option<int> _senders = Number("--senders", "Sender links.", 1);
    private readonly Option<int> _receivers = Number("--receivers", "Receiver links.", 1);
    private readonly Option<int> _linksPerConnection = Number("--links-per-connection", "Links that share a connection.", 1);
    private readonly Option<int> _connections = Number("--connections", "Connections the links are spread over, on either side (hold: connections to hold).", 0);
    private readonly Option<int> _credit = Number("--credit", "A receiver's credit window.", 1000);
    private readonly Option<int> _window = Number("--window", "Unsettled messages a sender may have under way.", 1000);
    private readonly Option<double> _rate = Number("--rate", "Messages a second per sender, whatever the broker does; latency counts from when one was due.", 0d);
    private readonly Option<int> _transaction = Number("--transaction", "Sends per transaction.", 0);
    private readonly Option<int> _transactionsOpen = Number("--transactions-open", "Transactions each sender has open at once; 1 waits for each commit before the next transaction.", 1);
    private readonly Option<long> _backlog = Number("--backlog", "Messages that each sender puts into the queue before the receivers attach; the rate is then half of what goes in and out until --count more are sent.", ordinary.Backlog);
    private readonly Option<int> _keys = Number("--keys", "Give messages application properties, region = 'r0000' and so on, with so many different keys in turn, and amount = 42.", 0);
    private readonly Option<string?> _selector = new("--selector")
    {
        Description = "A JMS selector for each receiver; %d is its key, such as r0007. Needs --keys.",
        DefaultValueFactory = _ => ordinary.Selector,
    };

    private readonly Option<bool> _topic = Flag("--topic", "Fan-out: every receiver gets every message.");
    private readonly Option<uint> _maxFrame = Number("--max-frame", "The largest frame to accept, in bytes.", 65_536u);
    private readonly Option<string?> _timeout = Text("--timeout", $"The run fails when it has not ended by then (default {ordinary.Timeout.TotalSeconds}s).");
    private readonly Option<int?> _run = new("--run") { Description = "Which of several runs of the row this is, for reports." };
    private readonly Option<string?> _json = Text("--json", "Append the result as one line of JSON to this file; - is standard output.");
    private readonly Option<string?> _label = Text("--label", "What is measured, for reports.");
    private readonly Option<string?> _row = Text("--row", "The row of the report this run belongs to.");
    private readonly Option<string?> _brokerPid = Text("--broker-pid", "Process ids, joined by commas, whose CPU time and memory to report.");
    private readonly Option<bool> _quiet = Flag("--quiet", "No progress and no conditions.");

    public Command Make(BenchMode mode, string name, string description, Func<BenchOptions, CancellationToken, Task<int>> run)
    {
        var command = new Command(name, description);
        AddTo(command);
        command.SetAction(async (parsed, stop) =>
        {
            var options = Read(mode, parsed, out var problem);
            if (options is null || (problem = options.Problem()) is not null)
            {
                await Console.Error.WriteLineAsync($"bench: {problem}");
                return 2;
            }

            return await run(options, stop);
        });
        return command;
    }

    /// <summary>Gives a command all of these options.</summary>
    public void AddTo(Command command)
    {
        foreach (var option in All())
        {
            command.Options.Add(option);
        }
    }

    private IEnumerable<Option> All() =>
    [
        _uri, _user, _password, _ca, _address, _receiveAddress, _count, _duration, _warmup, _size, _durable, _settled, _senders, _receivers,
        _linksPerConnection, _connections, _credit, _window, _rate, _transaction, _transactionsOpen, _backlog, _keys, _selector, _topic, _maxFrame, _timeout, _json, _label, _row, _run, _brokerPid, _quiet,
    ];

    /// <summary>What was asked for; null, and why, when it makes no sense.</summary>
    public BenchOptions? Read(BenchMode mode, ParseResult parsed, out string? problem)
    {
        problem = null;
        if (!TryTime(parsed.GetValue(_duration), out var duration) || !TryTime(parsed.GetValue(_timeout), out var timeout))
        {
            problem = "--duration and --timeout are a number with a unit: 500ms, 10s, 2m";
            return null;
        }

        if (!Uri.TryCreate(parsed.GetValue(_uri), UriKind.Absolute, out var uri) || uri.Scheme is not ("amqp" or "amqps"))
        {
            problem = $"--uri {parsed.GetValue(_uri)} is no address of a broker; write amqp://host:5672, or amqps://host:5671 for TLS";
            return null;
        }

        var address = parsed.GetValue(_address)!;
        var senders = parsed.GetValue(_senders);
        var receivers = parsed.GetValue(_receivers);
        var connections = parsed.GetValue(_connections);
        var spread = connections > 0 ? (Math.Max(senders, receivers) + connections - 1) / connections : parsed.GetValue(_linksPerConnection);
        return new BenchOptions
        {
            Mode = mode,
            Uri = uri,
            User = parsed.GetValue(_user),
            Password = parsed.GetValue(_password),
            CertificateAuthority = parsed.GetValue(_ca),
            Address = address,
            ReceiveAddress = parsed.GetValue(_receiveAddress) ?? address,
            Count = parsed.GetValue(_count),
            Duration = duration,
            Warmup = parsed.GetValue(_warmup),
            Size = parsed.GetValue(_size),
            Durable = parsed.GetValue(_durable),
            Settled = parsed.GetValue(_settled),
            Senders = senders,
            Receivers = receivers,
            LinksPerConnection = spread,
            Connections = connections > 0 ? connections : 1000,
            Credit = parsed.GetValue(_credit),
            Window = parsed.GetValue(_window),
            Rate = parsed.GetValue(_rate),
            Transaction = parsed.GetValue(_transaction),
            TransactionsOpen = parsed.GetValue(_transactionsOpen),
            Backlog = parsed.GetValue(_backlog),
            Keys = parsed.GetValue(_keys),
            Selector = parsed.GetValue(_selector),
            Topic = parsed.GetValue(_topic),
            MaxFrameSize = parsed.GetValue(_maxFrame),
            Timeout = timeout ?? ordinary.Timeout,
            JsonFile = parsed.GetValue(_json),
            Label = parsed.GetValue(_label) ?? "",
            Row = parsed.GetValue(_row) ?? "",
            Run = parsed.GetValue(_run),
            BrokerProcesses = parsed.GetValue(_brokerPid),
            Quiet = parsed.GetValue(_quiet),
        };
    }

    /// <summary>Null text is no time; false when the text is none.</summary>
    internal static bool TryTime(string? text, out TimeSpan? time)
    {
        time = null;
        if (text is null)
        {
            return true;
        }

        var (digits, milliseconds) = text switch
        {
            [.. var n, 'm', 's'] => (n, 1),
            [.. var n, 's'] => (n, 1000),
            [.. var n, 'm'] => (n, 60_000),
            _ => (text, 1000),
        };
        if (!double.TryParse(digits, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) || value <= 0)
        {
            return false;
        }

        time = TimeSpan.FromMilliseconds(value * milliseconds);
        return true;
    }

    private static Option<string?> Text(string name, string description) => new(name) { Description = description };

    private static Option<bool> Flag(string name, string description) => new(name) { Description = description };

    private static Option<T> Number<T>(string name, string description, T value) where T : struct =>
        new(name) { Description = description, DefaultValueFactory = _ => value };
}

/// <summary>Defaults in which commands differ.</summary>
/// <param name="CountHelp">What --count means.</param>
internal sealed record CommandDefaults(string CountHelp, long Count, TimeSpan Timeout, long Backlog = 0, string? Selector = null)
{
    public static readonly CommandDefaults Load = new("Messages per sender, behind the warm-up.", 100_000, TimeSpan.FromSeconds(120));
}
