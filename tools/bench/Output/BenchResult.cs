using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Mamba.Tools.Bench.Measuring;

namespace Mamba.Tools.Bench.Output;

/// <summary>
/// What one run showed, as it is written to JSON, one line a run. Names are in snake case; rates are per second, times say
/// their unit. A figure that the run could not know is left out.
/// </summary>
public sealed record BenchResult
{
    private static readonly JsonSerializerOptions Format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public string Tool { get; init; } = "mamba-bench";

    public required string Label { get; init; }

    public required string Row { get; init; }

    /// <summary>Which of several runs of the row this is; runs of the same number belong together.</summary>
    public int? Run { get; init; }

    public required bool Ok { get; init; }

    public IReadOnlyList<string>? Failures { get; init; }

    public string? Mode { get; init; }

    public int? Size { get; init; }

    public bool? Durable { get; init; }

    public bool? Settled { get; init; }

    public int? Senders { get; init; }

    public int? Receivers { get; init; }

    public int? Transaction { get; init; }

    /// <summary>Transactions each sender had open at once.</summary>
    public int? TransactionsOpen { get; init; }

    /// <summary>Messages that waited in the queue when the measured part began.</summary>
    public long? Backlog { get; init; }

    /// <summary>With a backlog: messages received in the measured part; <see cref="MessagesPerSecond"/> is half of those in and out.</summary>
    public long? MessagesOut { get; init; }

    public long? Sent { get; init; }

    public long? Accepted { get; init; }

    public long? Received { get; init; }

    public double? Secs { get; init; }

    [JsonPropertyName("msgs_per_s")]
    public double? MessagesPerSecond { get; init; }

    [JsonPropertyName("mb_per_s")]
    public double? MegabytesPerSecond { get; init; }

    /// <summary>From when a message was due until it arrived (ping-pong: until it was back).</summary>
    [JsonPropertyName("latency_us")]
    public Quantiles? Latency { get; init; }

    /// <summary>From when a message was sent until its outcome arrived.</summary>
    [JsonPropertyName("ack_us")]
    public Quantiles? Acknowledgement { get; init; }

    public double? ClientCpuS { get; init; }

    public double? BrokerCpuS { get; init; }

    /// <summary>Per delivery for fan-out, per message otherwise.</summary>
    public double? BrokerCpuUsPerMsg { get; init; }

    public double? BrokerRssMb { get; init; }

    public double? BrokerPeakMb { get; init; }

    /// <summary>A figure of another kind, such as a start-up time, when the row has one.</summary>
    public double? Value { get; init; }

    public string? Unit { get; init; }

    public Conditions? Conditions { get; init; }

    public string ToJson() => JsonSerializer.Serialize(this, Format);

    /// <summary>Throws <see cref="JsonException"/> when the line is no result.</summary>
    public static BenchResult FromJson(string line) => JsonSerializer.Deserialize<BenchResult>(line, Format) ?? throw new JsonException("null is no result");

    /// <summary>Appends the line to a file, or writes it to standard output for the name -.</summary>
    public async Task AppendToAsync(string file)
    {
        if (string.Equals(file, "-", StringComparison.Ordinal))
        {
            await Console.Out.WriteLineAsync(ToJson());
        }
        else
        {
            await File.AppendAllTextAsync(file, ToJson() + "\n");
        }
    }
}

/// <summary>A latency distribution, in microseconds.</summary>
public sealed record Quantiles(
    [property: JsonPropertyName("p50")] double Median,
    [property: JsonPropertyName("p90")] double P90,
    [property: JsonPropertyName("p99")] double P99,
    [property: JsonPropertyName("p99.9")] double P999,
    [property: JsonPropertyName("max")] double Maximum)
{
    /// <summary>Null for an empty histogram.</summary>
    public static Quantiles? Of(LatencyHistogram histogram) => histogram.Count == 0
        ? null
        : new(At(histogram, 0.5), At(histogram, 0.9), At(histogram, 0.99), At(histogram, 0.999), Math.Round(histogram.Maximum / 1e3, 1));

    public override string ToString() => $"p50 {Format(Median)}, p90 {Format(P90)}, p99 {Format(P99)}, p99.9 {Format(P999)}, max {Format(Maximum)}";

    internal static string Format(double microseconds) => microseconds switch
    {
        < 1_000 => $"{microseconds:0} µs",
        < 100_000 => $"{microseconds / 1_000:0.0} ms",
        < 1_000_000 => $"{microseconds / 1_000:0} ms",
        _ => $"{microseconds / 1_000_000:0.0} s",
    };

    private static double At(LatencyHistogram histogram, double quantile) => Math.Round(histogram.At(quantile) / 1e3, 1);
}
