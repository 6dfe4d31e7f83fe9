using System.Buffers.Binary;
using System.Text;
using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <summary>
/// The settings of a node as the journal holds them behind those of <see cref="DefinitionOperation"/>: fields by number, so that more can
/// be added. Those with their default are left out; numbers that are not known are passed over. Little-endian.
/// <code>
///   count u8 | count x { number u8 | length u32 | value }
///     1 last-value key    UTF-8
///     2 non-destructive   u8
///     3 auto-delete       u8
/// </code>
/// </summary>
internal static class OptionFields
{
    private const byte LastValueKey = 1;
    private const byte NonDestructive = 2;
    private const byte AutoDelete = 3;

    public static void Write(JournalBatch batch, NodeOptions options)
    {
        var fields = new List<(byte Number, byte[] Value)>();
        if (options.LastValueKey is { } key)
        {
            fields.Add((LastValueKey, Encoding.UTF8.GetBytes(key)));
        }

        if (options.NonDestructive)
        {
            fields.Add((NonDestructive, [1]));
        }

        if (options.AutoDelete)
        {
            fields.Add((AutoDelete, [1]));
        }

        batch.Write([(byte)fields.Count]);
        Span<byte> header = stackalloc byte[5];
        foreach (var (number, value) in fields)
        {
            header[0] = number;
            BinaryPrimitives.WriteInt32LittleEndian(header[1..], value.Length);
            batch.Write(header);
            batch.Write(value);
        }
    }

    /// <summary>Reads the fields and moves the span on.</summary>
    public static NodeOptions Read(NodeOptions options, ref ReadOnlySpan<byte> span)
    {
        var count = span[0];
        span = span[1..];
        for (; count > 0; count--)
        {
            var number = span[0];
            var length = BinaryPrimitives.ReadInt32LittleEndian(span[1..]);
            options = Apply(options, number, span.Slice(5, length));
            span = span[(5 + length)..];
        }

        return options;
    }

    private static NodeOptions Apply(NodeOptions options, byte number, ReadOnlySpan<byte> value) => number switch
    {
        LastValueKey => options with { LastValueKey = Encoding.UTF8.GetString(value) },
        NonDestructive => options with { NonDestructive = value[0] != 0 },
        AutoDelete => options with { AutoDelete = value[0] != 0 },
        _ => options,
    };
}
