using Mamba.Broker.Selectors;

namespace Mamba.Tools.SelectorFuzz;

/// <summary>What a run found.</summary>
/// <param name="Pairs">Pairs of an expression and a message that both evaluators judged.</param>
/// <param name="True">Pairs found true.</param>
/// <param name="False">Pairs found false.</param>
/// <param name="Unknown">Pairs found unknown.</param>
/// <param name="Difference">The first pair they judged differently, for a person to read; null when there was none.</param>
public sealed record DifferentialResult(long Pairs, long True, long False, long Unknown, string? Difference);

/// <summary>
/// Compares the broker's evaluator with the reference over random expressions and messages. Each round makes a few of both, from
/// a seed of its own, and judges each expression of each message; the round's seed alone brings a difference back.
/// </summary>
public static class Differential
{
    private const int Expressions = 4;
    private const int Messages = 4;

    /// <summary>Runs until <paramref name="pairs"/> are judged, or they differ.</summary>
    public static DifferentialResult Run(long pairs, int seed, Action<long>? progress = null)
    {
        var counts = new long[3];
        long judged = 0;
        for (var round = 0; judged < pairs; round++)
        {
            if (RunRound(HashCode(seed, round), counts) is { } difference)
            {
                return Result(counts, $"seed {seed}, round {round}: {difference}");
            }

            judged += Expressions * Messages;
            if (round % 20_000 == 0)
            {
                progress?.Invoke(judged);
            }
        }

        return Result(counts, difference: null);
    }

    private static string? RunRound(int seed, long[] counts)
    {
        var random = new Random(seed);
        var isSql = random.Next(3) == 0;
        var dialect = isSql ? SelectorDialect.Sql : SelectorDialect.Jms;
        var messages = Enumerable.Range(0, Messages).Select(_ => new RandomMessages(random).Next()).ToList();
        for (var i = 0; i < Expressions; i++)
        {
            var expression = new RandomExpressions(random, isSql).Condition(random.Next(1, random.Next(10) == 0 ? 30 : 8));
            var text = Printer.Print(expression, random, isSql);
            Selector selector;
            try
            {
                selector = Selector.Parse(text, dialect);
            }
            catch (SelectorException refused)
            {
                return $"{dialect} refused {text}: {refused.Message}";
            }

            foreach (var message in messages)
            {
                var found = selector.Evaluate(message.Input);
                var expected = new Reference(message, isSql).Test(expression) switch { true => Truth.True, false => Truth.False, null => Truth.Unknown };
                if (found != expected)
                {
                    return $"{dialect} {text}\n  gives {found}, and the reference {expected}, for {Convert.ToHexString(message.Bytes)}\n  {message.Decoded.Properties}\n  {message.Decoded.ApplicationProperties}";
                }

                counts[(int)found]++;
            }
        }

        return null;
    }

    private static DifferentialResult Result(long[] counts, string? difference) =>
        new(counts.Sum(), counts[(int)Truth.True], counts[(int)Truth.False], counts[(int)Truth.Unknown], difference);

    /// <summary>Not System.HashCode, which differs from process to process.</summary>
    private static int HashCode(int seed, int round) => unchecked((int)(((uint)seed * 0x9E3779B1u) ^ ((uint)round * 0x85EBCA77u)));
}
