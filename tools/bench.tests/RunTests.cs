using Mamba.Broker.Testing;
using Mamba.Tools.Bench.Load;
using Mamba.Tools.Bench.Output;

namespace Mamba.Tools.Bench.Tests;

/// <summary>Whole runs, with few messages, against the real broker.</summary>
[CancelAfter(120_000)]
public sealed class RunTests
{
    private TempDirectory _folder = null!;
    private BrokerProcess _broker = null!;

    [OneTimeSetUp]
    public async Task StartBroker()
    {
        _folder = new TempDirectory();
        _broker = await BrokerProcess.StartAsync(_folder["data"]);
    }

    [OneTimeTearDown]
    public async Task StopBroker()
    {
        await _broker.DisposeAsync();
        _folder.Dispose();
    }

    [Test]
    public async Task SendThenReceive()
    {
        Assert.That(await RunAsync(Options(BenchMode.Send, "fill") with { Durable = true, Count = 500 }), Is.Zero);
        var result = await ResultAsync(Options(BenchMode.Receive, "fill") with { Count = 500, BrokerProcesses = $"{_broker.Id}" });
        Assert.That((result.Ok, result.Received), Is.EqualTo((true, (long?)500)));
        Assert.That(result.BrokerRssMb, Is.GreaterThan(10));
    }

    [Test]
    public async Task BothCountsTheWarmUpApart()
    {
        var result = await ResultAsync(Options(BenchMode.Both, "both") with { Count = 1_000, Warmup = 100, Credit = 50, Window = 20 });
        Assert.That((result.Ok, result.Sent, result.Accepted, result.Received), Is.EqualTo((true, (long?)1_100, (long?)1_100, (long?)1_100)));
        Assert.That(result.Latency!.Median, Is.GreaterThan(0));
        Assert.That(result.Acknowledgement, Is.Not.Null);
        Assert.That(result.MessagesPerSecond, Is.EqualTo(1_000 / result.Secs!.Value).Within(2).Percent);
    }

    [Test]
    public async Task TenQueuesWithSharedConnections()
    {
        var result = await ResultAsync(Options(BenchMode.Both, "ten%d") with { Senders = 10, Receivers = 10, LinksPerConnection = 5, Count = 100, Settled = true });
        Assert.That((result.Ok, result.Received), Is.EqualTo((true, (long?)1_000)));
    }

    [Test]
    public async Task CompetingReceiversShareAQueue()
    {
        var result = await ResultAsync(Options(BenchMode.Both, "shared") with { Receivers = 3, Senders = 2, Count = 500, Credit = 10 });
        Assert.That((result.Ok, result.Received), Is.EqualTo((true, (long?)1_000)));
    }

    [Test]
    public async Task ATopicFansOut()
    {
        var address = $"topic://bench-{Guid.NewGuid():N}";
        var result = await ResultAsync(Options(BenchMode.Both, "") with { Address = address, ReceiveAddress = address, Topic = true, Receivers = 4, Count = 200 });
        Assert.That((result.Ok, result.Sent, result.Received), Is.EqualTo((true, (long?)200, (long?)800)));
    }

    [Test]
    public async Task PingPong([Values] bool settled)
    {
        var result = await ResultAsync(Options(BenchMode.PingPong, $"pp-{settled}") with { Settled = settled, Count = 50 });
        Assert.That((result.Ok, result.Received), Is.EqualTo((true, (long?)50)));
        Assert.That(result.Latency!.P99, Is.GreaterThanOrEqualTo(result.Latency.Median));
    }

    [Test]
    public async Task Transactions()
    {
        var result = await ResultAsync(Options(BenchMode.Both, "tx") with { Transaction = 10, Count = 100, Durable = true });
        Assert.That((result.Ok, result.Accepted, result.Received), Is.EqualTo((true, (long?)100, (long?)100)));
    }

    [Test]
    public async Task AnOpenLoopKeepsItsRateForItsTime()
    {
        var result = await ResultAsync(Options(BenchMode.Both, "rate") with { Rate = 200, Duration = TimeSpan.FromSeconds(2) });
        Assert.That(result.Ok, Is.True, string.Join('\n', result.Failures ?? []));
        Assert.That(result.Sent, Is.InRange(390, 410), "every message that was due was sent, however busy the machine");
    }

    [Test]
    public async Task WhatLeavesLateCountsFromWhenItWasDue()
    {
        // All are due within 5 µs; the window lets 20 out at a time. Counted from when it left, none would be late.
        var result = await ResultAsync(Options(BenchMode.Both, "due") with { Rate = 1e9, Count = 5_000, Window = 20 });
        Assert.That(result.Ok, Is.True, string.Join('\n', result.Failures ?? []));
        Assert.That(result.Latency!.Maximum / 1e6, Is.GreaterThan(0.99 * result.Secs!.Value), "the last message waited for the whole run");
    }

    [Test]
    public async Task ABacklogIsSentFirstCheckedAndLeftOutOfTheRate()
    {
        var result = await ResultAsync(Options(BenchMode.Both, "backlog") with { Backlog = 3_000, Count = 500, Durable = true, BrokerProcesses = $"{_broker.Id}" });
        Assert.That((result.Ok, result.Sent, result.Received, result.Backlog), Is.EqualTo((true, (long?)3_500, (long?)3_500, (long?)3_000)), string.Join('\n', result.Failures ?? []));
        Assert.That(result.MessagesOut, Is.InRange(0, 3_500));
        Assert.That(result.MessagesPerSecond, Is.EqualTo((500 + result.MessagesOut!.Value) / 2 / result.Secs!.Value).Within(2).Percent);
    }

    [Test]
    public async Task CpuTimeBehindABacklogCountsFromWhenTheReceiversCome()
    {
        var failures = new Checking.Failures();
        var measurement = new Measurement(null);
        await using var rig = new LoadRig(Options(BenchMode.Both, "backlog-cpu") with { Backlog = 300, Count = 50 }, measurement, failures);
        await rig.RunAsync(TestContext.CurrentContext.CancellationToken);
        Assert.That(failures.Any, Is.False);
        Assert.That(measurement.Began, Is.EqualTo(rig.Window!.Value.Began), "filling the queue is no part of it");
        Assert.That(rig.Received, Is.EqualTo(350));
    }

    [Test]
    public async Task AMessageThatDoesNotBelongFailsTheRun()
    {
        Assert.That(await RunAsync(Options(BenchMode.Send, "stale") with { Count = 1 }), Is.Zero);
        var result = await ResultAsync(Options(BenchMode.Both, "stale") with { Count = 10 });
        Assert.That(result.Ok, Is.False);
        Assert.That(result.Failures, Has.Some.Contains("another run"));
    }

    [Test]
    public async Task WhatDoesNotArriveFailsTheRunInTime()
    {
        var result = await ResultAsync(Options(BenchMode.Receive, "empty") with { Count = 1, Timeout = TimeSpan.FromSeconds(1) });
        Assert.That(result.Ok, Is.False);
        Assert.That(result.Failures, Has.Some.Contains("not done after 1 s"));
    }

    [Test]
    public async Task IdleConnectionsAreHeldAndWeighed()
    {
        var result = await ResultAsync(Options(BenchMode.Hold, "") with { Connections = 20, Duration = TimeSpan.FromMilliseconds(200), BrokerProcesses = $"{_broker.Id}" });
        Assert.That((result.Ok, result.Unit), Is.EqualTo((true, "KiB per connection")));
        Assert.That(result.Value, Is.Not.Null);
    }

    [Test]
    public async Task ManyQueuesAreWeighedAndCompared()
    {
        var (code, rows) = await CommandAsync("queues", "--queues", "150", "--active", "20", "--few", "5", "--rounds", "2", "--settle", "0", "--count", "200", "--size", "100");
        Assert.That(code, Is.Zero);
        Assert.That(rows.ConvertAll(r => (r.Row, r.Run, r.Received)), Is.EqualTo(new (string, int?, long?)[]
        {
            ("memory per queue of 150 idle", null, null),
            ("5 of 150 queues active", 1, 200),
            ("20 of 150 queues active", 1, 200),
            ("5 of 150 queues active", 2, 200),
            ("20 of 150 queues active", 2, 200),
        }));
        Assert.That(rows[0].Unit, Is.EqualTo("KiB per queue"));
    }

    [Test]
    public async Task GrowthRunsEveryStepInTurn()
    {
        var (code, rows) = await CommandAsync("growth", "--backlog", "500", "--up-to", "10", "--count", "100", "--size", "100");
        Assert.That(code, Is.Zero);
        Assert.That(rows.ConvertAll(r => r.Row), Is.EqualTo(new[]
        {
            "growth: an empty queue", "growth: a backlog of 500",
            "growth: 1 consumer of one queue", "growth: 10 consumers of one queue",
            "growth: a credit of 1", "growth: a credit of 10",
            "growth: 1 queue", "growth: 10 queues",
        }));
        Assert.That(rows.TrueForAll(r => r is { Ok: true, MessagesPerSecond: > 0 }), Is.True);
    }

    [Test]
    public async Task SelectorsAreWeighedOnAQueueAndATopic()
    {
        var topic = $"topic://bench-{Guid.NewGuid():N}";
        var (code, rows) = await CommandAsync("selectors", "--consumers", "4", "--topic-address", topic, "--rounds", "1", "--count", "200", "--size", "100");
        Assert.That(code, Is.Zero, string.Join('\n', rows.SelectMany(r => r.Failures ?? [])));
        Assert.That(rows.ConvertAll(r => (r.Row, r.Received)), Is.EqualTo(new (string, long?)[]
        {
            ("4 consumers of a queue, no selectors", 200),
            ("4 selectors on a queue", 200),
            ("selector on a queue, per message and consumer", null),
            ("1 subscriber of a topic, no selector", 200),
            ("4 selectors on a topic", 200),
            ("selector on a topic, per evaluation", null),
        }));
        Assert.That(rows[2].Unit, Is.EqualTo("µs of broker CPU"));
    }

    [TestCase("queues", "--queues", "5")]
    [TestCase("selectors", "--selector", "region = 'r0001'")]
    [TestCase("growth", "--vary", "speed")]
    public async Task AScenarioThatMakesNoSenseIsRefused(params string[] words) => Assert.That((await CommandAsync(words)).Code, Is.EqualTo(2));

    private async Task<(int Code, List<BenchResult> Rows)> CommandAsync(params string[] words)
    {
        var file = _folder[$"{Guid.NewGuid():N}.jsonl"];
        var root = new System.CommandLine.RootCommand();
        ScenarioCommands.AddTo(root);
        var code = await root.Parse([
            .. words, "--uri", $"amqp://127.0.0.1:{_broker.Amqp.Port}", "--address", "queue://scenario", "--broker-pid", $"{_broker.Id}", "--json", file, "--quiet",
        ]).InvokeAsync();
        return (code, File.Exists(file) ? [.. Report.ReadAll(file)] : []);
    }

    private BenchOptions Options(BenchMode mode, string queue) => new()
    {
        Mode = mode,
        Uri = new Uri($"amqp://127.0.0.1:{_broker.Amqp.Port}"),
        Address = $"queue://bench-{queue}",
        ReceiveAddress = $"queue://bench-{queue}",
        Size = 100,
        Quiet = true,
        Timeout = TimeSpan.FromSeconds(60),
    };

    private static Task<int> RunAsync(BenchOptions options) => BenchRun.RunAsync(options, CancellationToken.None);

    private async Task<BenchResult> ResultAsync(BenchOptions options)
    {
        var file = _folder[$"{Guid.NewGuid():N}.jsonl"];
        var code = await RunAsync(options with { JsonFile = file });
        var result = BenchResult.FromJson(await File.ReadAllTextAsync(file));
        Assert.That(code, Is.EqualTo(result.Ok ? 0 : 1), string.Join('\n', result.Failures ?? []));
        return result;
    }
}
