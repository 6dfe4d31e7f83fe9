namespace Mamba.Broker.Engine;

/// <summary>
/// A pattern over addresses whose levels are divided by dots: <c>*</c> is exactly one level, <c>#</c> at the end any number of
/// levels, none included. Not a regular expression: everything else stands for itself. Matching is linear in the address.
/// </summary>
public sealed class AddressPattern(string pattern)
{
    private readonly string[] _levels = pattern.Split('.');

    /// <summary>Whether the pattern takes in <paramref name="address"/>.</summary>
    public bool Matches(string address)
    {
        var rest = address.AsSpan();
        for (var i = 0; i < _levels.Length; i++)
        {
            if (i == _levels.Length - 1 && string.Equals(_levels[i], "#", StringComparison.Ordinal))
            {
                return true;
            }

            var end = rest.IndexOf('.');
            var level = end < 0 ? rest : rest[..end];
            if (!string.Equals(_levels[i], "*", StringComparison.Ordinal) && !level.SequenceEqual(_levels[i]))
            {
                return false;
            }

            var isLast = i == _levels.Length - 1;
            if (end < 0)
            {
                // "a.#" matches "a" as well.
                return isLast || (i == _levels.Length - 2 && string.Equals(_levels[i + 1], "#", StringComparison.Ordinal));
            }

            rest = rest[(end + 1)..];
            if (isLast)
            {
                return false;
            }
        }

        return false;
    }
}
