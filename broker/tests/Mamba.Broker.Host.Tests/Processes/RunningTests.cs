using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text.Json;
using Mamba.Broker.Testing;

namespace Mamba.Broker.Host.Tests.Processes;

/// <summary>The broker as a process: what it says, who it lets in, how it ends.</summary>
[TestFixture]
internal sealed class RunningTests
{
    private const int SigInt = 2;

    /// <summary>The SASL protocol header (AMQP 1.0 §5.3.2).</summary>
    private static readonly byte[] SaslHeader = [(byte)'A', (byte)'M', (byte)'Q', (byte)'P', 3, 1, 0, 0];

    private TempDirectory _folder = null!;

    private string Data => _folder["data"];

    [SetUp]
    public void CreateFolder() => _folder = new TempDirectory();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public async Task A_first_start_says_where_it_listens_where_its_data_is_who_may_come_in_and_what_to_try()
    {
        await using var broker = await BrokerProcess.StartAsync(Data);
        Assert.That(broker.Output, Does.Contain($"AMQP     127.0.0.1:{broker.Amqp.Port}")
            .And.Contain($"Console  http://127.0.0.1:{broker.Console.Port}")
            .And.Contain($"Data     {Data}")
            .And.Contain("anonymous clients are allowed, from this machine only")
            .And.Contain($"mamba-broker user add NAME --data {Data}")
            .And.Contain("npm install rhea"));
        Assert.That(broker.Output.Split('\n'), Has.Length.LessThanOrEqualTo(9));
        Assert.That((broker.Amqp.Port, broker.Console.Port), Is.Not.EqualTo((0, 0)));
    }

    [Test]
    public async Task The_endpoints_of_the_first_start_are_loopback_ones()
    {
        await using var help = await BrokerProcess.RunAsync(["--help"]);
        Assert.That(help.Output, Does.Contain("Default: 127.0.0.1:5672.").And.Contain("Default: 127.0.0.1:8161."));
    }

    [Test]
    public async Task With_users_only_it_says_so_and_offers_no_anonymous()
    {
        await AddUserAsync();
        await using var broker = await BrokerProcess.StartAsync(Data, "--set", "security.anonymous=false");
        Assert.That(broker.Output, Does.Contain("Access   users only").And.Not.Contain("rhea"));
        Assert.That(await MechanismsAsync(broker.Amqp), Does.Contain("SCRAM-SHA-256").And.Contain("PLAIN").And.Not.Contain("ANONYMOUS"));
    }

    [Test]
    public async Task Users_added_while_it_runs_can_log_in()
    {
        await using var broker = await BrokerProcess.StartAsync(Data);
        Assert.That(await MechanismsAsync(broker.Amqp), Does.Contain("ANONYMOUS").And.Not.Contain("SCRAM"));
        await AddUserAsync();
        Assert.That(await MechanismsAsync(broker.Amqp), Does.Contain("ANONYMOUS").And.Contain("SCRAM-SHA-512"));
    }

    [Test]
    public async Task Other_machines_may_connect_when_there_are_users_and_anonymous_access_ends()
    {
        await AddUserAsync();
        await using var broker = await BrokerProcess.StartAsync(Data, "--amqp", "0.0.0.0:0", "--set", "listeners.allowUnencrypted=true");
        Assert.That(broker.Output, Does.Contain("Access   users only"));
        Assert.That(await MechanismsAsync(new IPEndPoint(IPAddress.Loopback, broker.Amqp.Port)), Does.Contain("SCRAM-SHA-256").And.Not.Contain("ANONYMOUS"));
    }

    [Test]
    public async Task Variables_beat_the_file_and_options_beat_variables()
    {
        var ports = FreePorts(3);
        File.WriteAllText(_folder["mamba.json"], $$"""{ "listeners": { "amqp": "127.0.0.1:{{ports[0]}}", "console": "127.0.0.1:{{ports[0]}}" }, "storage": { "directory": "{{_folder["file"]}}" } }""");
        var variables = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["MAMBA__LISTENERS__CONSOLE"] = $"127.0.0.1:{ports[1]}",
            ["MAMBA__STORAGE__DIRECTORY"] = _folder["variable"],
        };
        await using var broker = BrokerProcess.Launch(["--config", _folder["mamba.json"], "--data", Data], variables);
        await broker.WaitForReadyAsync();
        Assert.That((broker.Amqp.Port, broker.Console.Port), Is.EqualTo((ports[0], ports[1])));
        Assert.That(broker.Output, Does.Contain($"Data     {Data}\n"));
    }

    [Test]
    public async Task Health_is_answered_and_everything_else_is_not_there()
    {
        await using var broker = await BrokerProcess.StartAsync(Data);
        using var http = new HttpClient { BaseAddress = new Uri($"http://{broker.Console}") };
        Assert.That(await http.GetStringAsync("/health/live"), Is.EqualTo("live\n"));
        Assert.That(await http.GetStringAsync("/health/ready"), Is.EqualTo("ready\n"));
        using var nothing = await http.GetAsync("/nothing");
        using var plain = await http.GetAsync("/amqp");
        Assert.That((nothing.StatusCode, plain.StatusCode), Is.EqualTo((HttpStatusCode.NotFound, HttpStatusCode.UpgradeRequired)));
    }

    [Test]
    public async Task A_WebSocket_with_the_subprotocol_speaks_AMQP()
    {
        await using var broker = await BrokerProcess.StartAsync(Data);
        using var socket = new ClientWebSocket();
        socket.Options.AddSubProtocol("amqp");
        await socket.ConnectAsync(new Uri($"ws://{broker.Console}/amqp"), CancellationToken.None);
        await socket.SendAsync(SaslHeader, WebSocketMessageType.Binary, endOfMessage: true, CancellationToken.None);
        var answer = new byte[8];
        await ReadAsync(async part => (await socket.ReceiveAsync(part, CancellationToken.None)).Count, answer);
        Assert.That(answer, Is.EqualTo(SaslHeader));
    }

    [TestCase("http://evil.example", "amqp", HttpStatusCode.Forbidden)]
    [TestCase(null, "mqtt", HttpStatusCode.BadRequest)]
    public async Task A_WebSocket_of_a_foreign_page_or_another_subprotocol_is_refused(string? origin, string subprotocol, HttpStatusCode status)
    {
        await using var broker = await BrokerProcess.StartAsync(Data);
        using var socket = new ClientWebSocket();
        socket.Options.AddSubProtocol(subprotocol);
        socket.Options.CollectHttpResponseDetails = true;
        socket.Options.SetRequestHeader("Origin", origin);
        Assert.That(async () => await socket.ConnectAsync(new Uri($"ws://{broker.Console}/amqp"), CancellationToken.None), Throws.InstanceOf<WebSocketException>());
        Assert.That(socket.HttpStatusCode, Is.EqualTo(status));
    }

    [TestCase(15)]
    [TestCase(SigInt)]
    public async Task A_signal_stops_it_with_code_zero_and_closes_connections(int signal)
    {
        await using var broker = await BrokerProcess.StartAsync(Data);
        using var client = new TcpClient();
        await client.ConnectAsync(broker.Amqp);
        await client.GetStream().WriteAsync(SaslHeader);
        await client.GetStream().ReadExactlyAsync(new byte[8]);
        broker.Signal(signal);
        await broker.WaitForExitAsync();
        Assert.That(broker.ExitCode, Is.Zero, broker.Errors);
        Assert.That(broker.Errors, Does.Not.Contain("   at "));
    }

    [Test]
    public async Task The_stop_is_bounded_when_a_peer_does_not_answer()
    {
        await using var broker = await BrokerProcess.StartAsync(Data, "--set", "stop.timeout=200 ms", "--set", "limits.openTimeout=60 s");
        using var silent = new TcpClient();
        await silent.ConnectAsync(broker.Amqp);
        Assert.That(await broker.StopAsync(), Is.Zero, broker.Errors);
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task The_stop_closes_WebSocket_connections_too(bool console)
    {
        await using var broker = await BrokerProcess.StartAsync(Data, "--set", "stop.timeout=200 ms");
        using var socket = new ClientWebSocket();
        socket.Options.AddSubProtocol("amqp");
        await socket.ConnectAsync(new Uri($"ws://{(console ? broker.Console : broker.Amqp)}/"), CancellationToken.None);
        Assert.That(await broker.StopAsync(), Is.Zero, broker.Errors);
    }

    [Test]
    public async Task The_stop_does_not_wait_for_the_rest_of_an_http_request()
    {
        await using var broker = await BrokerProcess.StartAsync(Data, "--set", "stop.timeout=200 ms", "--set", "limits.openTimeout=60 s");
        using var slow = new TcpClient();
        await slow.ConnectAsync(broker.Amqp);
        await slow.GetStream().WriteAsync("GET / HTTP/1.1\r\n"u8.ToArray());
        Assert.That(await broker.StopAsync(), Is.Zero, broker.Errors);
    }

    [Test]
    public async Task A_journal_that_is_damaged_stops_the_start_with_code_one_and_says_where()
    {
        await using (var broker = await BrokerProcess.StartAsync(Data))
        {
            await broker.StopAsync();
        }

        var segment = Directory.EnumerateFiles(Path.Combine(Data, "journal")).Where(f => new FileInfo(f).Length > 4096).Order(StringComparer.Ordinal).First();
        await using (var file = File.OpenWrite(segment))
        {
            await file.WriteAsync("garbage garbage garbage"u8.ToArray());
        }

        await using var second = await BrokerProcess.RunAsync(["--data", Data, "--amqp", "127.0.0.1:0", "--console", "off"]);
        Assert.That(second.ExitCode, Is.EqualTo(1));
        Assert.That(second.Errors, Does.StartWith("mamba-broker: ").And.Contain(Path.Combine(Data, "journal")).And.Not.Contain("   at "));
        Assert.That(second.Output, Is.Empty);
    }

    [Test]
    public async Task A_second_broker_on_the_same_data_is_refused_and_names_the_first()
    {
        await using var first = await BrokerProcess.StartAsync(Data);
        await using var second = await BrokerProcess.RunAsync(["--data", Data, "--amqp", "127.0.0.1:0", "--console", "off"]);
        Assert.That(second.ExitCode, Is.EqualTo(2));
        Assert.That(second.Errors, Does.Contain($"is {Data}, which another broker is using (process {first.Id}).").And.Contain("a data directory of its own"));
        Assert.That(first.HasExited, Is.False);
    }

    [Test]
    public async Task After_a_kill_it_starts_again_on_the_same_data_and_ports()
    {
        await using var first = await BrokerProcess.StartAsync(Data);
        await first.KillAsync();
        Assert.That(first.ExitCode, Is.EqualTo(137));
        await using var second = await first.RestartAsync();
        Assert.That((second.Amqp, second.Console), Is.EqualTo((first.Amqp, first.Console)));
        Assert.That(await second.StopAsync(), Is.Zero);
    }

    [Test]
    public async Task Logs_are_lines_of_JSON_on_standard_error_when_asked_for()
    {
        await using var broker = await BrokerProcess.StartAsync(Data, "--set", "logging.format=json", "--set", "logging.level=debug");
        await MechanismsAsync(broker.Amqp);
        await broker.StopAsync();
        var lines = broker.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.That(lines, Is.Not.Empty);
        foreach (var line in lines)
        {
            using var entry = JsonDocument.Parse(line);
            Assert.That(entry.RootElement.GetProperty("Message").GetString(), Is.Not.Empty);
        }
    }

    [Test]
    public async Task No_secret_is_printed_or_stored_when_a_log_in_fails()
    {
        await AddUserAsync("canary-right");
        await using var broker = await BrokerProcess.StartAsync(Data, "--set", "logging.level=trace");
        using var client = new TcpClient();
        await client.ConnectAsync(broker.Amqp);
        var stream = client.GetStream();
        await stream.WriteAsync(SaslHeader);
        await stream.WriteAsync(SaslInit("PLAIN", "\0alice\0canary-wrong"));
        await ReadToEndAsync(stream);
        await broker.StopAsync();
        Assert.That(broker.Errors, Does.Contain("refused"));
        Assert.That(broker.Errors + broker.Output, Does.Not.Contain("canary"));
        foreach (var file in Directory.EnumerateFiles(Data, "*", SearchOption.AllDirectories))
        {
            Assert.That(File.ReadAllText(file), Does.Not.Contain("canary"), file);
        }
    }

    /// <summary>A sasl-init frame by hand: size, doff 2, type 1, channel 0, described list { mechanism, initial-response }.</summary>
    private static byte[] SaslInit(string mechanism, string response)
    {
        byte[] fields = [0xA3, (byte)mechanism.Length, .. mechanism.Select(c => (byte)c), 0xA0, (byte)response.Length, .. response.Select(c => (byte)c)];
        byte[] body = [0x00, 0x53, 0x41, 0xC0, (byte)(fields.Length + 1), 2, .. fields];
        return [0, 0, 0, (byte)(8 + body.Length), 2, 1, 0, 0, .. body];
    }

    /// <summary>What sasl-mechanisms offers, as text.</summary>
    private static async Task<string> MechanismsAsync(IPEndPoint endpoint)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(endpoint);
        var stream = client.GetStream();
        await stream.WriteAsync(SaslHeader);
        var header = new byte[12];
        await stream.ReadExactlyAsync(header);
        var frame = new byte[System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(8)) - 4];
        await stream.ReadExactlyAsync(frame);
        return System.Text.Encoding.ASCII.GetString(frame);
    }

    private static async Task ReadToEndAsync(NetworkStream stream)
    {
        var buffer = new byte[512];
        while (await stream.ReadAsync(buffer) > 0)
        {
            // What the broker answers before it closes does not matter here.
        }
    }

    private static async Task ReadAsync(Func<Memory<byte>, Task<int>> read, Memory<byte> into)
    {
        for (var done = 0; done < into.Length;)
        {
            var count = await read(into[done..]);
            Assert.That(count, Is.Positive);
            done += count;
        }
    }

    private static int[] FreePorts(int count)
    {
        var listeners = Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0)).ToList();
        listeners.ForEach(l => l.Start());
        var ports = listeners.Select(l => ((IPEndPoint)l.LocalEndpoint).Port).ToArray();
        listeners.ForEach(l => l.Stop());
        return ports;
    }

    private async Task AddUserAsync(string password = "secret")
    {
        await using var add = await BrokerProcess.RunAsync(["user", "add", "alice", "--data", Data], input: password + "\n");
        Assert.That(add.ExitCode, Is.Zero, add.Errors);
    }
}
