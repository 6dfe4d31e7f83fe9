using System.Text;
using Mamba.Broker.Selectors.Evaluation;

namespace Mamba.Broker.Selectors.Filters;

/// <summary>
/// A topic exchange's pattern over words between dots: <c>*</c> is one word, <c>#</c> any number of them, none included. Going back is
/// needed to the last # only, so a match costs at most the product of both lengths.
/// </summary>
internal sealed class TopicPattern
{
    private static readonly byte[] One = "*"u8.ToArray();
    private static readonly byte[] Any = "#"u8.ToArray();

    private readonly byte[][] _words;

    public TopicPattern(string pattern) => _words = [.. pattern.Split('.').Select(Encoding.UTF8.GetBytes)];

    /// <summary>The pattern matches also what has no subject.</summary>
    public bool MatchesNothing => _words.Length == 1 && IsAny(_words[0]);

    /// <summary>Whether a subject matches; UTF-8.</summary>
    public bool Matches(ReadOnlySpan<byte> subject)
    {
        int word = 0, afterAny = -1, at = 0, retryAt = 0;
        while (at <= subject.Length)
        {
            var end = EndOfWord(subject, at);
            if (word < _words.Length && IsAny(_words[word]))
            {
                afterAny = ++word;
                retryAt = at;
            }
            else if (word < _words.Length && (IsOne(_words[word]) || subject[at..end].SequenceEqual(_words[word])))
            {
                word++;
                at = end + 1;
            }
            else if (afterAny >= 0)
            {
                word = afterAny;
                retryAt = EndOfWord(subject, retryAt) + 1;
                at = retryAt;
            }
            else
            {
                return false;
            }
        }

        while (word < _words.Length && IsAny(_words[word]))
        {
            word++;
        }

        return word == _words.Length;
    }

    private static int EndOfWord(ReadOnlySpan<byte> subject, int at)
    {
        var length = subject[at..].IndexOf((byte)'.');
        return length < 0 ? subject.Length : at + length;
    }

    private static bool IsOne(byte[] word) => word.AsSpan().SequenceEqual(One);

    private static bool IsAny(byte[] word) => word.AsSpan().SequenceEqual(Any);
}

/// <summary>The legacy topic binding: the subject matches a pattern; without a subject only <c>#</c> does.</summary>
internal sealed class TopicPatternNode(Node subject, TopicPattern pattern) : ConditionNode
{
    public override Truth Test(ref Evaluation.Evaluation evaluation)
    {
        subject.Evaluate(ref evaluation, out var value);
        return Of(value.Kind == ValueKind.Text ? pattern.Matches(evaluation.BytesOf(value)) : pattern.MatchesNothing);
    }
}
