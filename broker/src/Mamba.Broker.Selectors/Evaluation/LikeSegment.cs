using System.Text;

namespace Mamba.Broker.Selectors.Evaluation;

/// <summary>A run of a LIKE pattern without %: characters, and places where any one character may stand.</summary>
internal sealed class LikeSegment
{
    private readonly Rune?[] _elements;
    private readonly byte[] _bytes;

    private LikeSegment(Rune?[] elements)
    {
        _elements = elements;
        HasWildcard = Array.IndexOf(elements, null) >= 0;
        _bytes = HasWildcard ? [] : Encoding.UTF8.GetBytes(string.Concat(elements.Select(e => e!.Value.ToString())));
    }

    /// <summary>The characters, null for any one.</summary>
    public ReadOnlySpan<Rune?> Elements => _elements;

    public bool HasWildcard { get; }

    public bool IsEmpty => _elements.Length == 0;

    /// <summary>The segment as UTF-8, when it has no wildcard.</summary>
    public ReadOnlySpan<byte> Utf8 => _bytes;

    public static LikeSegment Of(string text) => new([.. text.EnumerateRunes().Select(r => (Rune?)r)]);

    /// <summary>Bytes of the value's start that the segment takes, -1 when it does not fit.</summary>
    public int MatchStart(ReadOnlySpan<byte> value)
    {
        if (!HasWildcard)
        {
            return value.StartsWith(_bytes) ? _bytes.Length : -1;
        }

        var position = 0;
        foreach (var element in _elements)
        {
            if (Rune.DecodeFromUtf8(value[position..], out var rune, out var length) != System.Buffers.OperationStatus.Done
                || (element is { } wanted && wanted != rune))
            {
                return -1;
            }

            position += length;
        }

        return position;
    }

    /// <summary>Bytes of the value's end that the segment takes, -1 when it does not fit.</summary>
    public int MatchEnd(ReadOnlySpan<byte> value)
    {
        if (!HasWildcard)
        {
            return value.EndsWith(_bytes) ? _bytes.Length : -1;
        }

        var taken = 0;
        for (var i = _elements.Length - 1; i >= 0; i--)
        {
            if (Rune.DecodeLastFromUtf8(value[..^taken], out var rune, out var length) != System.Buffers.OperationStatus.Done
                || (_elements[i] is { } wanted && wanted != rune))
            {
                return -1;
            }

            taken += length;
        }

        return taken;
    }

    internal sealed class Builder
    {
        private readonly List<Rune?> _elements = [];

        public void Add(Rune rune, bool isAny) => _elements.Add(isAny ? null : rune);

        public LikeSegment Build() => new([.. _elements]);
    }
}
