using Mamba.Tools.Bench.Output;

namespace Mamba.Tools.Bench.Tests;

public sealed class GoalTests
{
    [Test]
    public void AGoalAgainstTheForwarderIsReachedOrMissedWithTheNumber()
    {
        BenchResult[] results = [Run("mamba", "100 B settled", 280_000, 3.4), Run("forwarder", "100 B settled", 350_000, 2)];
        var text = new Report(results, "rabbitmq").ToMarkdown();
        Assert.That(text, Does.Contain("| pload | mamba | forwarder | mamba : forwarder | goals of mamba |"));
        Assert.That(text, Does.Contain("| 80 %, 1.7x CPU |"));
        Assert.That(text, Does.Contain("at least 70 % of the forwarder: reached (80 %)"));
        Assert.That(text, Does.Contain("at most 3.0 µs of CPU: **missed** (3.4 µs)"));
        Assert.That(text, Does.Contain("at least 5.0x RabbitMQ 4.3's recorded 39,600/s: reached (7.1x)"));
    }

    [Test]
    public void WhatWasNotMeasuredSaysSo()
    {
        var text = new Report([Run("mamba", "100 B settled", 280_000, 3.4)], "rabbitmq").ToMarkdown();
        Assert.That(text, Does.Contain("at least 70 % of the forwarder: not measured"));
    }

    [Test]
    public void DurablePingPongMayCostOneSyncMore()
    {
        BenchResult[] results =
        [
            PingPong("mamba", 390, 1_000), PingPong("forwarder", 120, 500),
            new BenchResult { Tool = "fsync", Label = "disk", Row = Goals.SyncRow, Ok = true, Value = 240, Unit = "µs" },
        ];
        var text = new Report(results, "rabbitmq").ToMarkdown();
        Assert.That(text, Does.Contain("at most 360.0 µs (the forwarder's p50 and one fdatasync): **missed** (390.0 µs)"));
        Assert.That(text, Does.Contain("at most 3.0x p50 for p99: reached (2.6x)"));
    }

    [Test]
    public void StartAndMemoryHaveTwoGoals()
    {
        BenchResult[] results = [Start("mamba", 0.4), Start("rabbitmq", 6)];
        Assert.That(
            new Report(results, "rabbitmq").ToMarkdown(),
            Does.Contain("at most 0.5 s: reached (0.4 s); at least 14.0x less than RabbitMQ in this run: reached (15.0x)"));

        static BenchResult Start(string label, double seconds) => new() { Label = label, Row = "start to accepting", Ok = true, Value = seconds, Unit = "s" };
    }

    [Test]
    public void AGoalOverRabbitMqIsNotJudgedByWhateverTheRatiosAreAgainst()
    {
        BenchResult[] results = [Run("mamba", "100 B unsettled", 280_000, 3.4), Run("forwarder", "100 B unsettled", 350_000, 2)];
        Assert.That(new Report(results, "forwarder").ToMarkdown(), Does.Contain("at least 6.0x RabbitMQ's rate in this run: not measured"));
    }

    [Test]
    public void RowsAreHeldAgainstOtherRowsOfTheirOwn()
    {
        BenchResult[] results =
        [
            Ours("growth: 1 consumer of one queue", 100), Ours("growth: 1,000 consumers of one queue", 79),
            Ours("growth: an empty queue", 100), Ours("growth: a backlog of 1,000,000", 95),
            Value("memory idle", 50), Value("memory when filled", 251),
        ];
        var text = new Report(results, "rabbitmq").ToMarkdown();
        Assert.That(text, Does.Contain("at least 80 % of 'growth: 1 consumer of one queue': **missed** (79 %)"));
        Assert.That(text, Does.Contain("at least 80 % of 'growth: an empty queue': reached (95 %)"));
        Assert.That(text, Does.Contain("at most 250 MiB (memory idle and 200 MiB): **missed** (251 MiB)"));
    }

    private static BenchResult Run(string label, string row, double rate, double cpu) =>
        new() { Tool = Goals.Neutral, Label = label, Row = row, Run = 1, Ok = true, MessagesPerSecond = rate, BrokerCpuUsPerMsg = cpu };

    private static BenchResult PingPong(string label, double median, double tail) => Run(label, "ping-pong durable", 1, 1) with
    {
        Mode = "pingpong",
        Latency = new Quantiles(median, median, tail, tail, tail),
    };

    private static BenchResult Ours(string row, double rate) => new() { Label = "mamba", Row = row, Ok = true, MessagesPerSecond = rate };

    private static BenchResult Value(string row, double value) => new() { Label = "mamba", Row = row, Ok = true, Value = value, Unit = "MiB" };
}
