namespace Mamba.Broker.Selectors.Evaluation;

/// <summary>The strings of an IN list.</summary>
internal sealed class ByteStringSet
{
    private readonly byte[][] _strings;
    private readonly int[] _heads;
    private readonly int[] _next;
    private readonly int _longest;

    public ByteStringSet(IReadOnlyList<byte[]> strings)
    {
        _strings = [.. strings];
        _next = new int[_strings.Length];
        _heads = new int[(int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(2, 2 * _strings.Length))];
        Array.Fill(_heads, -1);
        for (var i = 0; i < _strings.Length; i++)
        {
            _longest = Math.Max(_longest, _strings[i].Length);
            ref var head = ref _heads[Bucket(_strings[i])];
            _next[i] = head;
            head = i;
        }
    }

    public bool Contains(ReadOnlySpan<byte> value)
    {
        if (value.Length > _longest)
        {
            return false;
        }

        for (var i = _heads[Bucket(value)]; i >= 0; i = _next[i])
        {
            if (value.SequenceEqual(_strings[i]))
            {
                return true;
            }
        }

        return false;
    }

    private int Bucket(ReadOnlySpan<byte> value) => (int)(ByteHash.Of(value) & (uint)(_heads.Length - 1));
}
