using System.Collections;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Mamba.Amqp.Types;

/// <summary>
/// Equality, hashing and text of decoded AMQP values. Two values are equal when they have the same AMQP type and the
/// same contents; lists, arrays and maps are compared in order (AMQP 1.0 §1.6.23 gives the order of a map meaning).
/// </summary>
public static class AmqpValue
{
    private const int MaxTextElements = 32;
    private const int MaxTextBytes = 32;

    /// <summary>Compares values by AMQP type and contents; usable as the comparer of a dictionary.</summary>
    public static IEqualityComparer<object> Comparer { get; } = new ValueComparer();

    /// <summary>Whether two values have the same AMQP type and contents.</summary>
    public static new bool Equals(object? left, object? right)
    {
        if (ReferenceEquals(left, right))
        {
            return true;
        }

        return (left, right) switch
        {
            (null, _) or (_, null) => false,
            (double a, double b) => BitConverter.DoubleToInt64Bits(a) == BitConverter.DoubleToInt64Bits(b),
            (float a, float b) => BitConverter.SingleToInt32Bits(a) == BitConverter.SingleToInt32Bits(b),
            (byte[] a, byte[] b) => a.AsSpan().SequenceEqual(b),
            (AmqpMap a, AmqpMap b) => a.Equals(b),
            (AmqpArray a, AmqpArray b) => a.Equals(b),
            (Array a, Array b) => a.GetType() == b.GetType() && SequenceEquals(a, b),
            (List<object?> a, List<object?> b) => SequenceEquals(a, b),
            _ => left.Equals(right),
        };
    }

    /// <summary>
    /// A hash of a value that a remote peer cannot steer: every number is mixed with the seed of this process, so that
    /// colliding map keys cannot be prepared in advance.
    /// </summary>
    public static int GetHashCode(object? value)
    {
        switch (value)
        {
            case null: return 0;
            case string s: return s.GetHashCode(StringComparison.Ordinal);
            case Symbol s: return s.GetHashCode() + 1;
            case byte[] bytes: return HashBytes(bytes);
            case long v: return HashCode.Combine((int)v, (int)(v >> 32));
            case ulong v: return HashCode.Combine((int)v, (int)(v >> 32));
            case Timestamp v: return HashCode.Combine((int)v.Milliseconds, (int)(v.Milliseconds >> 32));
            case double v: return GetHashCode(BitConverter.DoubleToInt64Bits(v));
            case float v: return HashCode.Combine(BitConverter.SingleToInt32Bits(v));
            case Decimal64 v: return GetHashCode(v.Bits);
            case Decimal128 v: return HashCode.Combine(GetHashCode(v.High), GetHashCode(v.Low));
            case Guid v: return HashBytes(MemoryMarshal.AsBytes(new ReadOnlySpan<Guid>(in v)));
            case IList list: return HashSequence(list);
            default: return HashCode.Combine(value.GetHashCode());
        }
    }

    /// <summary>Text of a value for logs and failure messages: bounded in length, never the whole of a large value.</summary>
    public static string ToString(object? value)
    {
        var text = new StringBuilder();
        Append(text, value, 0);
        return text.ToString();
    }

    internal static bool SequenceEquals(IList left, IList right)
    {
        if (left.Count != right.Count)
        {
            return false;
        }

        for (var i = 0; i < left.Count; i++)
        {
            if (!Equals(left[i], right[i]))
            {
                return false;
            }
        }

        return true;
    }

    internal static int HashSequence(IList list)
    {
        var hash = default(HashCode);
        foreach (var item in list)
        {
            hash.Add(GetHashCode(item));
        }

        return hash.ToHashCode();
    }

    private static int HashBytes(ReadOnlySpan<byte> bytes)
    {
        var hash = default(HashCode);
        hash.AddBytes(bytes);
        return hash.ToHashCode();
    }

    private static void Append(StringBuilder text, object? value, int depth)
    {
        switch (value)
        {
            case null:
                text.Append("null");
                break;
            case string s:
                text.Append('"').Append(s.Length > 256 ? s.AsSpan(0, 256) : s).Append(s.Length > 256 ? "…\"" : "\"");
                break;
            case byte[] bytes:
                text.Append("0x").Append(Convert.ToHexStringLower(bytes.AsSpan(0, Math.Min(bytes.Length, MaxTextBytes))));
                text.Append(bytes.Length > MaxTextBytes ? "…" : "");
                break;
            case bool b:
                text.Append(b ? "true" : "false");
                break;
            case IFormattable number:
                text.Append(number.ToString(null, CultureInfo.InvariantCulture));
                break;
            case DescribedValue described:
                text.Append('@');
                Append(text, described.Descriptor, depth + 1);
                text.Append(':');
                Append(text, described.Value, depth + 1);
                break;
            case AmqpMap map:
                AppendMap(text, map, depth);
                break;
            case AmqpArray array:
                AppendItems(text, array.Values, '<', '>', depth);
                break;
            case IList list:
                AppendItems(text, list, '[', ']', depth);
                break;
            default:
                text.Append(value);
                break;
        }
    }

    private static void AppendMap(StringBuilder text, AmqpMap map, int depth)
    {
        text.Append('{');
        var written = 0;
        foreach (var (key, value) in map)
        {
            if (written++ == MaxTextElements || depth > 8)
            {
                text.Append(", …");
                break;
            }

            text.Append(written > 1 ? ", " : "");
            Append(text, key, depth + 1);
            text.Append('=');
            Append(text, value, depth + 1);
        }

        text.Append('}');
    }

    private static void AppendItems(StringBuilder text, IList items, char open, char close, int depth)
    {
        text.Append(open);
        for (var i = 0; i < items.Count; i++)
        {
            if (i == MaxTextElements || depth > 8)
            {
                text.Append(", …");
                break;
            }

            text.Append(i > 0 ? ", " : "");
            Append(text, items[i], depth + 1);
        }

        text.Append(close);
    }

    private sealed class ValueComparer : IEqualityComparer<object>
    {
        bool IEqualityComparer<object>.Equals(object? x, object? y) => AmqpValue.Equals(x, y);

        int IEqualityComparer<object>.GetHashCode(object obj) => AmqpValue.GetHashCode(obj);
    }
}
