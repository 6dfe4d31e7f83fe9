using Mamba.Tools.Bench.Load;
using Mamba.Tools.Bench.Output;

namespace Mamba.Tools.Bench.Tests;

public sealed class OutputTests
{
    [Test]
    public void AResultSurvivesJson()
    {
        var result = new BenchResult
        {
            Label = "mamba",
            Row = "100 B settled",
            Ok = true,
            Mode = "both",
            MessagesPerSecond = 100_000,
            Latency = new Quantiles(1, 2, 3, 4, 5),
            BrokerCpuUsPerMsg = 2.5,
        };
        var json = result.ToJson();
        Assert.That(json, Does.Contain("\"msgs_per_s\":100000").And.Contain("\"latency_us\":{\"p50\":1,\"p90\":2,\"p99\":3,\"p99.9\":4,\"max\":5}").And.Contain("\"broker_cpu_us_per_msg\":2.5"));
        Assert.That(json, Does.Not.Contain("ack_us"), "what is unknown is left out");
        Assert.That(BenchResult.FromJson(json), Is.EqualTo(result));
    }

    [Test]
    public void TheNeutralGeneratorsLineIsAResultToo()
    {
        const string Line = """{"label":"x","row":"a","ok":true,"mode":"both","size":100,"durable":true,"settled":false,"senders":1,"receivers":1,"sent":10,"accepted":10,"received":10,"secs":0.5,"msgs_per_s":20,"mb_per_s":0.01,"client_cpu_s":0.1,"latency_us":{"p50":1.5,"p90":2,"p99":3,"p99.9":4,"max":5},"ack_us":{"p50":1,"p90":2,"p99":3,"p99.9":4,"max":5}}""";
        var result = BenchResult.FromJson(Line);
        Assert.That((result.MessagesPerSecond, result.Latency!.Median, result.Received), Is.EqualTo((20d, 1.5, 10L)));
    }

    [Test]
    public void TheReportShowsMediansAndRatiosWhereMoreIsBetterAndWhereLessIs()
    {
        BenchResult[] results =
        [
            Rate("mamba", 300, 2), Rate("mamba", 100, 4), Rate("mamba", 200, 3), Rate("rabbitmq", 40, 30),
            Value("mamba", 0.5), Value("rabbitmq", 5),
            Rate("mamba", 1, 1) with { Row = "bad", Ok = false },
        ];
        var text = new Report(results, "rabbitmq").ToMarkdown();
        Assert.That(text, Does.Contain("| mamba-bench | mamba | rabbitmq | mamba : rabbitmq | goals of mamba |"));
        Assert.That(text, Does.Contain("| rate | 200/s (3.0 µs) | 40/s (30.0 µs) | 5.0x, 10.0x CPU |  |"));
        Assert.That(text, Does.Contain("| start | 0.5 s | 5 s | 10.0x |  |"));
        Assert.That(text, Does.Contain("| bad | failed (1 runs) |  |  |  |"));
    }

    [TestCase("500ms", 0.5)]
    [TestCase("10s", 10)]
    [TestCase("2m", 120)]
    [TestCase("3", 3)]
    [TestCase("soon", null)]
    [TestCase("-1s", null)]
    public void TimesHaveUnits(string text, double? seconds)
    {
        var good = CommandLine.TryTime(text, out var time);
        Assert.That(good, Is.EqualTo(seconds is not null));
        Assert.That(time?.TotalSeconds, Is.EqualTo(seconds));
    }

    [Test]
    public void ImpossibleOptionsSayWhatToDo()
    {
        var good = new BenchOptions { Mode = BenchMode.Both, Uri = new Uri("amqp://h"), Address = "q", ReceiveAddress = "q" };
        Assert.That(good.Problem(), Is.Null);
        Assert.That((good with { Size = 10 }).Problem(), Does.Contain("28"));
        Assert.That((good with { Transaction = 10, Settled = true }).Problem(), Does.Contain("leave out --settled"));
        Assert.That((good with { Transaction = 7 }).Problem(), Does.Contain("multiple of --transaction"));
        Assert.That((good with { Mode = BenchMode.PingPong, Senders = 2 }).Problem(), Does.Contain("one sender"));
    }

    private static BenchResult Rate(string label, double rate, double cpu) =>
        new() { Label = label, Row = "rate", Ok = true, MessagesPerSecond = rate, BrokerCpuUsPerMsg = cpu };

    private static BenchResult Value(string label, double value) =>
        new() { Label = label, Row = "start", Ok = true, Value = value, Unit = "s" };
}
