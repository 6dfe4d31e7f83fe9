using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Mamba.Tools.Bench.Measuring;

namespace Mamba.Tools.Bench.Output;

/// <summary>Ratios that were once measured, with what they must be read against. Written by <c>compare --record</c>.</summary>
internal sealed record Recorded
{
    private static readonly JsonSerializerOptions Format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = true,
    };

    /// <summary>Day of the measurement, UTC.</summary>
    public required string Date { get; init; }

    /// <summary>The version that was measured, such as a commit.</summary>
    public string? Version { get; init; }

    public required string Subject { get; init; }

    public required string Reference { get; init; }

    public required Conditions Conditions { get; init; }

    /// <summary>By the row's name.</summary>
    public required SortedDictionary<string, RecordedRow> Rows { get; init; }

    /// <summary>Throws <see cref="InvalidDataException"/> when the file is none of ours, <see cref="IOException"/> when it cannot be read.</summary>
    public static Recorded Load(string file)
    {
        try
        {
            return JsonSerializer.Deserialize<Recorded>(File.ReadAllText(file), Format) ?? throw new InvalidDataException($"{file}: null is no record");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{file} is no record of ratios: {e.Message}; write one with --record", e);
        }
    }

    public void Save(string file) => File.WriteAllText(file, JsonSerializer.Serialize(this, Format) + "\n");
}

/// <summary>One row of a record: <see cref="RowRatio"/> without its name.</summary>
internal sealed record RecordedRow(double Rate, double? Cpu, int Runs);
