using System.Numerics;
using System.Text;

namespace Mamba.Broker.Selectors.Evaluation;

/// <summary>Finds the first place of a segment in a value, in time linear in the value whatever the segment.</summary>
internal abstract class SegmentSearch
{
    /// <summary>Up to this many bytes the runtime's vectorised search, which is quickest and may compare each byte as often as this.</summary>
    private const int ShortLiteral = 8;

    private const int WordLength = 64;

    /// <summary>Units of about a nanosecond for each byte of a value.</summary>
    public virtual int Cost => 1;

    /// <summary>The position behind the first place, or -1.</summary>
    public abstract int FindEnd(ReadOnlySpan<byte> value);

    public static SegmentSearch For(LikeSegment segment, int position)
    {
        if (!segment.HasWildcard)
        {
            return segment.Utf8.Length switch
            {
                <= ShortLiteral => new ShortSearch(segment.Utf8.ToArray()),
                <= WordLength => new WordSearch(segment.Utf8),
                _ => new LongSearch(segment.Utf8.ToArray()),
            };
        }

        if (segment.Elements.Length > SelectorLimits.MaxWildcardSegment)
        {
            throw new SelectorException(
                position, $"a part of a LIKE pattern between two % may have {SelectorLimits.MaxWildcardSegment} characters when it has a _, and one has {segment.Elements.Length}");
        }

        return new WildcardSearch(segment.Elements);
    }

    private sealed class ShortSearch(byte[] literal) : SegmentSearch
    {
        public override int FindEnd(ReadOnlySpan<byte> value)
        {
            var at = value.IndexOf(literal);
            return at < 0 ? -1 : at + literal.Length;
        }
    }

    /// <summary>A literal's bytes as the bits of a word: as <see cref="WildcardSearch"/>, without characters to decode.</summary>
    private sealed class WordSearch : SegmentSearch
    {
        private readonly ulong[] _masks = new ulong[256];
        private readonly byte _first;
        private readonly ulong _last;

        public WordSearch(ReadOnlySpan<byte> literal)
        {
            _first = literal[0];
            _last = 1UL << (literal.Length - 1);
            for (var i = 0; i < literal.Length; i++)
            {
                _masks[literal[i]] |= 1UL << i;
            }
        }

        public override int FindEnd(ReadOnlySpan<byte> value)
        {
            // Most values do not hold the first byte for long: let the vectors find it.
            var start = value.IndexOf(_first);
            if (start < 0)
            {
                return -1;
            }

            var state = 0UL;
            ReadOnlySpan<ulong> masks = _masks;
            for (var at = start; at < value.Length; at++)
            {
                state = ((state << 1) | 1) & masks[value[at]];
                if ((state & _last) != 0)
                {
                    return at + 1;
                }
            }

            return -1;
        }
    }

    /// <summary>Knuth, Morris and Pratt, for literals of any length: never goes back in the value.</summary>
    private sealed class LongSearch : SegmentSearch
    {
        private readonly byte[] _literal;
        private readonly int[] _borders;

        public override int Cost => 4;

        public LongSearch(byte[] literal)
        {
            _literal = literal;
            _borders = new int[literal.Length];
            for (int i = 1, border = 0; i < literal.Length; i++)
            {
                while (border > 0 && literal[i] != literal[border])
                {
                    border = _borders[border - 1];
                }

                border += literal[i] == literal[border] ? 1 : 0;
                _borders[i] = border;
            }
        }

        public override int FindEnd(ReadOnlySpan<byte> value)
        {
            var literal = _literal;
            var at = value.IndexOf(literal[0]);
            var matched = 0;
            for (; (uint)at < (uint)value.Length; at++)
            {
                while (matched > 0 && value[at] != literal[matched])
                {
                    matched = _borders[matched - 1];
                }

                if (value[at] == literal[matched] && ++matched == literal.Length)
                {
                    return at + 1;
                }
            }

            return -1;
        }
    }

    /// <summary>
    /// The segment's positions as the bits of a word (Baeza-Yates and Gonnet's shift-and): bit i is set when the characters just read
    /// are the segment's first i + 1.
    /// </summary>
    private sealed class WildcardSearch : SegmentSearch
    {
        private readonly ulong[] _ascii = new ulong[128];
        private readonly (int Scalar, ulong Mask)[] _others;
        private readonly ulong _any;
        private readonly ulong _last;

        public WildcardSearch(ReadOnlySpan<Rune?> elements)
        {
            _last = 1UL << (elements.Length - 1);
            for (var i = 0; i < elements.Length; i++)
            {
                _any |= elements[i] is null ? 1UL << i : 0;
            }

            Array.Fill(_ascii, _any);
            _others = new (int Scalar, ulong Mask)[(int)BitOperations.RoundUpToPowerOf2((uint)(4 * elements.Length))];
            for (var i = 0; i < elements.Length; i++)
            {
                if (elements[i] is not { } rune)
                {
                    continue;
                }

                if (rune.IsAscii)
                {
                    _ascii[rune.Value] |= 1UL << i;
                }
                else
                {
                    ref var other = ref _others[Find(rune.Value)];
                    other = (rune.Value, (other.Scalar == 0 ? _any : other.Mask) | (1UL << i));
                }
            }
        }

        public override int FindEnd(ReadOnlySpan<byte> value)
        {
            var state = 0UL;
            var at = 0;
            ReadOnlySpan<ulong> ascii = _ascii;
            while ((uint)at < (uint)value.Length)
            {
                ulong mask;
                var lead = value[at];
                if (lead < 128)
                {
                    mask = ascii[lead];
                    at++;
                }
                else
                {
                    var scalar = ReadScalar(value, ref at);
                    ref var other = ref _others[scalar & (_others.Length - 1)];
                    mask = other.Scalar == scalar ? other.Mask : MaskOf(scalar);
                }

                state = ((state << 1) | 1) & mask;
                if ((state & _last) != 0)
                {
                    return at;
                }
            }

            return -1;
        }

        private ulong MaskOf(int scalar)
        {
            ref var other = ref _others[Find(scalar)];
            return other.Scalar == 0 ? _any : other.Mask;
        }

        private static int ReadScalar(ReadOnlySpan<byte> value, ref int at)
        {
            if (value[at] is >= 0xc2 and < 0xe0 && at + 1 < value.Length)
            {
                at += 2;
                return ((value[at - 2] & 0x1f) << 6) | (value[at - 1] & 0x3f);
            }

            Rune.DecodeFromUtf8(value[at..], out var rune, out var length);
            at += length;
            return rune.Value;
        }

        /// <summary>Where a character is in the table, or the free place where it would be: the table is never full.</summary>
        private int Find(int scalar)
        {
            var at = scalar & (_others.Length - 1);
            while (_others[at].Scalar != 0 && _others[at].Scalar != scalar)
            {
                at = (at + 1) & (_others.Length - 1);
            }

            return at;
        }
    }
}
