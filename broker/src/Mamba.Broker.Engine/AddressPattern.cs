namespace Mamba.Broker.Engine;

/// <summary>
/// A pattern over addresses whose words are divided by dots: a word <c>*</c> is exactly one word, a word <c>#</c> any number of
/// words, none included. Not a regular expression: everything else stands for itself. Going back is needed to the last # only, so
/// a match costs at most the product of both lengths.
/// </summary>
public sealed class AddressPattern(string pattern)
{
    private readonly string[] _words = pattern.Split('.');

    /// <summary>Whether an address has a word that is a wildcard; <c>c#</c> and <c>2*3</c> are no wildcards.</summary>
    public static bool HasWildcards(string address)
    {
        ArgumentNullException.ThrowIfNull(address);
        var rest = address.AsSpan();
        while (true)
        {
            var end = rest.IndexOf('.');
            if ((end < 0 ? rest : rest[..end]) is "*" or "#")
            {
                return true;
            }

            if (end < 0)
            {
                return false;
            }

            rest = rest[(end + 1)..];
        }
    }

    /// <summary>Whether the pattern takes in <paramref name="address"/>.</summary>
    public bool Matches(string address)
    {
        ArgumentNullException.ThrowIfNull(address);
        int word = 0, afterAny = -1, at = 0, retryAt = 0;
        while (at <= address.Length)
        {
            var end = EndOfWord(address, at);
            if (word < _words.Length && _words[word] is "#")
            {
                afterAny = ++word;
                retryAt = at;
            }
            else if (word < _words.Length && (_words[word] is "*" || address.AsSpan(at, end - at).SequenceEqual(_words[word])))
            {
                word++;
                at = end + 1;
            }
            else if (afterAny >= 0)
            {
                word = afterAny;
                retryAt = EndOfWord(address, retryAt) + 1;
                at = retryAt;
            }
            else
            {
                return false;
            }
        }

        while (word < _words.Length && _words[word] is "#")
        {
            word++;
        }

        return word == _words.Length;
    }

    private static int EndOfWord(string address, int at)
    {
        var end = address.IndexOf('.', at);
        return end < 0 ? address.Length : end;
    }
}
