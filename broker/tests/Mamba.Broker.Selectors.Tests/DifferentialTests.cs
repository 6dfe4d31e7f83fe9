using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Mamba.Tools.SelectorFuzz;

namespace Mamba.Broker.Selectors.Tests;

/// <summary>The evaluator against the plain one, and against garbage.</summary>
[TestFixture]
internal sealed class DifferentialTests
{
    [Test]
    public void Random_expressions_and_messages_are_judged_as_the_reference_judges_them()
    {
        var result = Differential.Run(200_000, seed: 20261122);
        Assert.That(result.Difference, Is.Null);
        Assert.That(new[] { result.True, result.False, result.Unknown }, Has.All.GreaterThan(result.Pairs / 20), "each result is frequent, or little was tested");
    }

    [Test]
    public void Any_text_is_parsed_or_refused_with_a_place_in_it([Values] SelectorDialect dialect) =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(10_000), Prop.ForAll((NonNull<string> text) => Try(text.Get, dialect)));

    [Test]
    public void Texts_of_the_language_s_own_words_are_parsed_or_refused_with_a_place_in_them()
    {
        string[] words =
        [
            "a", "p.group-id", "NOT", "AND", "OR", "(", ")", "=", "<>", "<", "LIKE", "'a%'", "ESCAPE", "'!'", "IN", ",", "'", "\"", "[", "]", "BETWEEN", "IS", "NULL",
            "1", "1.5", "0x1F", "+", "-", "*", "/", "%", "TRUE", "UTC()", "EXISTS(", ".", "é", "\0",
        ];
        var random = new Random(7);
        for (var i = 0; i < 50_000; i++)
        {
            var text = string.Join(random.Next(4) == 0 ? "" : " ", Enumerable.Range(0, random.Next(1, 14)).Select(_ => words[random.Next(words.Length)]));
            Try(text, (SelectorDialect)random.Next(2));
        }
    }

    [Test]
    public void Any_bytes_are_evaluated_without_failing() => Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(5_000), Prop.ForAll((byte[] bytes, int cut, int seed) => EvaluateGarbage(bytes, cut, seed)));

    /// <summary>Garbage, and good messages with bytes cut off and changed: what is stored was checked, so this is for a bug elsewhere.</summary>
    private static bool EvaluateGarbage(byte[] bytes, int cut, int seed)
    {
        var random = new Random(seed);
        var good = new RandomMessages(random).Next().Bytes;
        good = good[..Math.Max(0, good.Length - (int)((uint)cut % 8))];
        for (var i = 0; i < 3 && good.Length > 0; i++)
        {
            good[random.Next(good.Length)] ^= (byte)(1 << random.Next(8));
        }

        var selector = Selector.Parse("a = 1 OR m.x = 'y' OR JMSMessageID = 'x' OR größe LIKE '%a_%' OR JMSXGroupSeq = 1");
        var annotations = bytes.Length > 0 ? bytes.Length / 2 : 0;
        selector.Evaluate(new SelectorInput(bytes, annotations));
        return Enum.IsDefined(selector.Evaluate(new SelectorInput(good, 0)));
    }

    private static void Try(string text, SelectorDialect dialect)
    {
        try
        {
            Selector.Parse(text, dialect).Evaluate(TestMessage.With("a", 1).Input);
        }
        catch (SelectorException refused)
        {
            Assert.That(refused.Position, Is.InRange(0, text.Length), $"{dialect}: {text}");
            Assert.That(Encoding.UTF8.GetByteCount(refused.Message), Is.LessThan(300 + (4 * text.Length)));
        }
    }
}
