namespace Mamba.Broker.Server.Security;

/// <summary>How a pattern of addresses relates to another one: a subscription to many topics is held against rules for many addresses.</summary>
/// <param name="pattern">Words divided by dots, <c>*</c> for one word, <c>#</c> for any number of them.</param>
internal sealed class PatternRelation(string pattern)
{
    private const string One = "*";
    private const string Any = "#";

    private readonly string[] _words = pattern.Split('.');

    /// <summary>
    /// Whether every address of the other pattern is one of this. May say no where it is so, of patterns with words behind a #; what
    /// depends on it is then refused rather than allowed.
    /// </summary>
    public bool Covers(string other)
    {
        var words = other.Split('.');
        for (var i = 0; i < _words.Length; i++)
        {
            if (_words[i] is Any)
            {
                return i == _words.Length - 1;
            }

            if (i == words.Length || words[i] is Any || (_words[i] is not One && !string.Equals(_words[i], words[i], StringComparison.Ordinal)))
            {
                return false;
            }
        }

        return words.Length == _words.Length;
    }

    /// <summary>Whether an address can be of both patterns. Costs the product of their words.</summary>
    public bool Overlaps(string other)
    {
        var words = other.Split('.');

        // row[j]: whether the words from i on here, and from j on there, can be the same address.
        var row = new bool[words.Length + 1];
        var below = new bool[words.Length + 1];
        for (var i = _words.Length; i >= 0; i--)
        {
            for (var j = words.Length; j >= 0; j--)
            {
                row[j] = Meet(i, j);
            }

            (row, below) = (below, row);
        }

        return below[0];

        bool Meet(int i, int j)
        {
            var (here, there) = (i < _words.Length ? _words[i] : null, j < words.Length ? words[j] : null);
            if (here is Any || there is Any)
            {
                // The # ends here, or takes in a word of the other side.
                return (here is Any && (below[j] || (there is not null && row[j + 1]))) || (there is Any && (row[j + 1] || (here is not null && below[j])));
            }

            return here is null || there is null
                ? here is null && there is null
                : (here is One || there is One || string.Equals(here, there, StringComparison.Ordinal)) && below[j + 1];
        }
    }
}
