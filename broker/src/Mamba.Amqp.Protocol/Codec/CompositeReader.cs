using System.Runtime.CompilerServices;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Codec;

/// <summary>
/// The fields of a composite while they are read in order. Fields at the end may be left out, and a null stands for an
/// absent field (AMQP 1.0 §1.4).
/// </summary>
public struct CompositeReader
{
    private readonly string _type;
    private readonly int _end;
    private int _left;

    internal CompositeReader(string type, int count, int end)
    {
        _type = type;
        _left = count;
        _end = end;
    }

    /// <summary>Moves to the next field; true when it has a value, which the caller must read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Next(ref AmqpReader reader)
    {
        if (_left == 0)
        {
            return false;
        }

        _left--;
        return !reader.TryReadNull();
    }

    /// <summary>Moves to a field that must have a value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Require(ref AmqpReader reader, string field)
    {
        if (!Next(ref reader))
        {
            throw Missing(in reader, field);
        }
    }

    /// <summary>Checks that the fields end where their size says.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void End(ref AmqpReader reader) => reader.EndCompound(_end);

    private readonly AmqpException Missing(in AmqpReader reader, string field) =>
        reader.Invalid($"{_type} lacks its mandatory field {field}");
}
