using System.Globalization;
using Mamba.Amqp.Codec;

namespace Mamba.Amqp.Conformance.Wire;

/// <summary>What went over the wire in a case, a line each: "->" was sent by the suite, "&lt;-" came from the broker. Thread-safe.</summary>
public sealed class WireTrace
{
    private const int MaxLines = 400;
    private const int MaxHex = 48;

    private readonly Lock _lock = new();
    private readonly List<string> _lines = [];
    private int _left;

    /// <summary>The lines so far.</summary>
    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lock)
            {
                return _left == 0 ? [.. _lines] : [.. _lines, $"… and {_left.ToString(CultureInfo.InvariantCulture)} more lines"];
            }
        }
    }

    public void Add(string line)
    {
        lock (_lock)
        {
            if (_lines.Count < MaxLines)
            {
                _lines.Add(line);
            }
            else
            {
                _left++;
            }
        }
    }

    /// <summary>Bytes in hexadecimal, the first ones only where there are many.</summary>
    public static string Hex(ReadOnlySpan<byte> bytes) =>
        bytes.Length <= MaxHex
            ? Convert.ToHexStringLower(bytes)
            : string.Create(CultureInfo.InvariantCulture, $"{Convert.ToHexStringLower(bytes[..MaxHex])}… ({bytes.Length} bytes)");

    /// <summary>A frame in one line.</summary>
    public static string Describe(ushort channel, IAmqpEncodable? body, ReadOnlySpan<byte> payload) =>
        body is null
            ? string.Create(CultureInfo.InvariantCulture, $"[{channel}] (empty frame)")
            : string.Create(CultureInfo.InvariantCulture, $"[{channel}] {body}{(payload.IsEmpty ? "" : " + " + Hex(payload))}");
}
