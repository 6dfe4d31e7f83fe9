namespace Mamba.Tools.Bench.Output;

/// <summary>
/// The speed Mamba is to have, row by row. Shares of the forwarder and CPU times hold with the neutral generator, whose client
/// costs the same on both sides; factors over RabbitMQ hold with both. RabbitMQ 4.3 is not what Debian has, so its rates are
/// those recorded on a machine like this one (two cores, 2026-11-21), each of its better queue type.
/// </summary>
internal static class Goals
{
    /// <summary>The name the neutral generator's results carry.</summary>
    public const string Neutral = "pload";

    /// <summary>The row with the disk's own figure, in microseconds.</summary>
    public const string SyncRow = "fdatasync of 4 KiB, p50";

    private static readonly Dictionary<string, Goal[]> WithNeutral = new(StringComparer.Ordinal)
    {
        ["100 B settled"] = [Goal.ShareOfForwarder(0.70), Goal.Cpu(3), Goal.TimesRabbit43(5, 39_600), Goal.LessCpuThanRabbit43(14, 42)],
        ["1024 B settled"] = [Goal.ShareOfForwarder(0.65), Goal.Cpu(4.5), Goal.TimesRabbit43(5, 29_100)],
        ["100 B unsettled"] = [Goal.ShareOfForwarder(0.65), Goal.Cpu(4.5), Goal.Rate(87_000, "messages/s (Broker-J in memory)"), Goal.TimesRabbitMq(6)],
        ["1024 B unsettled"] = [Goal.ShareOfForwarder(0.65), Goal.Cpu(5.5), Goal.Rate(118_000, "messages/s (Broker-J in memory)"), Goal.TimesRabbitMq(6)],
        ["100 B durable"] = [Goal.ShareOfForwarder(0.50), Goal.Cpu(6), Goal.TimesRabbit43(5, 21_900), Goal.LessCpuThanRabbit43(11, 67)],
        ["1024 B durable"] = [Goal.ShareOfForwarder(0.45), Goal.Cpu(8), Goal.TimesRabbit43(5, 16_400)],
        ["10240 B settled"] = [Goal.ShareOfForwarder(0.60), Goal.TimesRabbit43(2.5, 11_700)],
        ["10240 B durable"] = [Goal.ShareOfForwarder(0.50), Goal.TimesRabbit43(2.5, 9_200)],
        ["ping-pong settled"] = [Goal.MedianOfForwarder(1.5), Goal.TailOfMedian(3), Goal.TimesRabbit43(1.7, 3_140)],
        ["ping-pong durable"] = [Goal.MedianOverForwarder(SyncRow), Goal.TailOfMedian(3), Goal.TimesRabbit43(3, 710)],
        ["10 queues settled"] = [Goal.ShareOfForwarder(0.60), Goal.TimesRabbit43(5, 22_500)],
        ["10 queues durable"] = [Goal.ShareOfForwarder(0.45), Goal.TimesRabbit43(3.5, 17_600)],
        ["fan-out to 10 settled"] = [Goal.Rate(250_000, "deliveries/s"), Goal.TimesRabbit43(5, 48_000)],
        ["fan-out to 10 durable"] = [Goal.Rate(100_000, "deliveries/s"), Goal.TimesRabbit43(5, 20_700)],
    };

    private static readonly Dictionary<string, Goal[]> WithOurs = new(StringComparer.Ordinal)
    {
        ["start to accepting"] = [Goal.Value(0.5, "s"), Goal.ValueTimesLessThanRabbitMq(14)],
        ["memory idle"] = [Goal.Value(60e6 / (1 << 20), "MiB"), Goal.ValueTimesLessThanRabbitMq(2)],
        ["idle connection"] = [Goal.Value(15, "KiB"), Goal.ValueTimesLessThanRabbitMq(3)],
        ["100 B settled"] = [Goal.TimesRabbitMq(5)],
        ["1024 B settled"] = [Goal.TimesRabbitMq(5)],
        ["100 B unsettled"] = [Goal.TimesRabbitMq(6)],
        ["1024 B unsettled"] = [Goal.TimesRabbitMq(6)],
        ["100 B durable"] = [Goal.TimesRabbitMq(5)],
        ["1024 B durable"] = [Goal.TimesRabbitMq(5)],
        ["10240 B settled"] = [Goal.TimesRabbitMq(2.5)],
        ["10240 B durable"] = [Goal.TimesRabbitMq(2.5)],
        ["ping-pong settled"] = [Goal.TimesRabbitMq(1.7)],
        ["ping-pong durable"] = [Goal.TimesRabbitMq(3)],
        ["10 queues settled"] = [Goal.TimesRabbitMq(5)],
        ["10 queues durable"] = [Goal.TimesRabbitMq(3.5)],
        ["fan-out to 10 settled"] = [Goal.Rate(250_000, "deliveries/s"), Goal.TimesRabbitMq(5)],
        ["fan-out to 10 durable"] = [Goal.Rate(100_000, "deliveries/s"), Goal.TimesRabbitMq(5)],
        ["transactions of 10, durable"] = [Goal.Rate(30_000)],
        ["transactions of 10, durable, 16 open"] = [Goal.Rate(30_000)],
        ["transactions of 10, durable, 10 producers"] = [Goal.Rate(30_000)],
        ["fill 1024 B durable"] = [Goal.ShareOfRow(1, "1024 B durable"), Goal.TimesRabbitMq(5)],
        ["drain 1024 B durable"] = [Goal.ShareOfRow(1, "1024 B durable"), Goal.TimesRabbitMq(5)],
        ["memory when filled"] = [Goal.ValueOver("memory idle", 200, "MiB")],
        ["memory per queue of 10,000 idle"] = [Goal.Value(4, "KiB")],
        ["1,000 of 10,000 queues active"] = [Goal.ShareOfRow(0.8, "10 of 10,000 queues active")],
        ["selector on a queue, per message and consumer"] = [Goal.Value(1, "µs")],
        ["selector on a topic, per evaluation"] = [Goal.Value(1, "µs")],
    };

    /// <summary>The goals of a row; none for most tools and rows. Growth rows are to stay within a fifth of where they begin.</summary>
    public static IReadOnlyList<Goal> Of(string tool, string row)
    {
        var known = tool == Neutral ? WithNeutral : WithOurs;
        return known.TryGetValue(row, out var goals) ? goals : OfGrowth(row);
    }

    private static Goal[] OfGrowth(string row)
    {
        const string Backlog = "growth: a backlog of ", Consumers = "growth: 1 consumer of one queue", Queues = "growth: 1 queue", Credit = "growth: a credit of 1,000";
        return row switch
        {
            _ when row.StartsWith(Backlog, StringComparison.Ordinal) => [Goal.ShareOfRow(0.8, "growth: an empty queue")],
            Consumers or Queues or Credit => [],
            _ when row.StartsWith("growth: ", StringComparison.Ordinal) && row.EndsWith("consumers of one queue", StringComparison.Ordinal) => [Goal.ShareOfRow(0.8, Consumers)],
            _ when row.StartsWith("growth: ", StringComparison.Ordinal) && row.EndsWith(" queues", StringComparison.Ordinal) => [Goal.ShareOfRow(0.8, Queues)],
            "growth: a credit of 100" or "growth: a credit of 10,000" => [Goal.ShareOfRow(0.8, Credit)],
            _ => [],
        };
    }
}
