namespace Mamba.Broker.Selectors.Tests;

/// <summary>What is no expression is refused with its place and what was expected there.</summary>
[TestFixture]
internal sealed class ErrorTests
{
    [TestCase("a = ", 4, "expected a value, an identifier or '(' and found the end")]
    [TestCase("a = 1 b", 6, "expected an operator or the end and found b")]
    [TestCase("(a = 1", 6, "expected ')' and found the end")]
    [TestCase("a = 1)", 5, "expected an operator or the end and found )")]
    [TestCase("AND a", 0, "found AND")]
    [TestCase("a AND", 5, "found the end")]
    [TestCase("a = = 1", 4, "found =")]
    [TestCase("a = 1 = 2", 6, "cannot follow one another")]
    [TestCase("a LIKE 5", 7, "expected the pattern of LIKE, a string and found 5")]
    [TestCase("a LIKE 'x' ESCAPE 'ab'", 18, "exactly one character")]
    [TestCase("a LIKE 'x!' ESCAPE '!'", 7, "ends with its escape character")]
    [TestCase("'a' LIKE 'x'", 0, "LIKE asks about an identifier")]
    [TestCase("a IN ()", 6, "expected a string")]
    [TestCase("a IN (1, 2)", 6, "expected a string")]
    [TestCase("a IN ('x' 'y')", 10, "expected ',' or ')'")]
    [TestCase("a IN 'x'", 5, "expected '('")]
    [TestCase("5 IN ('x')", 0, "IN asks about an identifier")]
    [TestCase("a BETWEEN 1 OR 2", 12, "expected the AND of BETWEEN and found OR")]
    [TestCase("a BETWEEN 'x' AND 'y'", 10, "a string can be compared by = and <> only")]
    [TestCase("a IS 5", 5, "expected NULL or NOT NULL and found 5")]
    [TestCase("5 IS NULL", 0, "IS NULL asks about an identifier")]
    [TestCase("a NOT 5", 6, "expected BETWEEN, IN or LIKE behind NOT")]
    [TestCase("a > 'x'", 4, "a string can be compared by = and <> only")]
    [TestCase("a > TRUE", 4, "a condition can be compared by = and <> only")]
    [TestCase("a + 'x' = 1", 4, "arithmetic needs a number and found a string")]
    [TestCase("-'x' = 1", 1, "arithmetic needs a number")]
    [TestCase("1", 0, "expected a condition and found a number")]
    [TestCase("a AND 'x'", 6, "expected a condition and found a string")]
    [TestCase("NOT 1", 4, "expected a condition")]
    [TestCase("a + 1", 0, "expected a condition and found a number")]
    [TestCase("'abc", 0, "no closing '")]
    [TestCase("\"abc", 0, "no closing \"")]
    [TestCase("a = 'x''", 4, "no closing '")]
    [TestCase("\"\" = 1", 0, "the name is empty")]
    [TestCase("a # 1", 2, "'#' cannot stand here")]
    [TestCase("a % 2 = 1", 2, "'%' cannot stand here", Description = "SQL filters only")]
    [TestCase("a = 1\u0001", 5, "the control character U+0001 cannot stand here")]
    [TestCase("a = 9223372036854775808", 4, "beyond the range of a long")]
    [TestCase("a = 99999999999999999999999", 4, "beyond the range of a long")]
    [TestCase("a = 0x10000000000000000", 4, "more than 64 bits")]
    [TestCase("a = 0x", 6, "expected hexadecimal digits")]
    [TestCase("a = 089", 5, "'8' in an octal number")]
    [TestCase("a = 1E", 6, "expected the digits of an exponent")]
    [TestCase("a = 1E999", 4, "beyond the range of a double")]
    [TestCase("a = 1E39f", 4, "beyond the range of a float")]
    [TestCase("a = 5x", 5, "'x' right behind a number")]
    [TestCase("a = NULL", 4, "found NULL")]
    [TestCase("NULL = 1", 0, "found NULL")]
    [TestCase("a = NOT b", 4, "found NOT")]
    [TestCase("like = 1", 0, "found like", Description = "reserved words are no identifiers")]
    [TestCase("UTC() > 1", 3, "expected an operator or the end and found (")]
    public void Says_where_and_what(string expression, int position, string fault)
    {
        var refused = Assert.Throws<SelectorException>(() => Selector.Parse(expression));
        Assert.That(refused!.Message, Does.StartWith($"at character {position + 1}: ").And.Contains(fault));
        Assert.That(refused.Position, Is.EqualTo(position));
    }

    private static IEnumerable<TestCaseData> TooMuch()
    {
        static string Chain(string between, int count, string part) => string.Join(between, Enumerable.Repeat(part, count));
        yield return new TestCaseData(new string(' ', SelectorLimits.MaxLength + 1), "characters").SetArgDisplayNames("length");
        yield return new TestCaseData(new string('(', 101) + "a" + new string(')', 101), "nested").SetArgDisplayNames("parentheses");
        yield return new TestCaseData(Chain(" ", 101, "NOT") + " a", "nested").SetArgDisplayNames("NOT");
        yield return new TestCaseData(new string('-', 101) + "a = 1", "nested").SetArgDisplayNames("signs");
        yield return new TestCaseData(Chain("+", 300, "a") + " = 1", "levels deep").SetArgDisplayNames("sum");
        yield return new TestCaseData(Chain(" OR ", 600, "a=b"), "operators and operands").SetArgDisplayNames("nodes");
        yield return new TestCaseData(string.Join(" OR ", Enumerable.Range(0, 129).Select(i => $"a{i}")), "different identifiers").SetArgDisplayNames("identifiers");
        yield return new TestCaseData(Chain(" OR ", SelectorLimits.MaxSearches + 1, "a LIKE '%x%'"), "searched for anywhere").SetArgDisplayNames("searches");
        yield return new TestCaseData($"a LIKE '%{new string('_', 65)}%'", "between two %").SetArgDisplayNames("wildcards");
    }

    [TestCaseSource(nameof(TooMuch))]
    public void What_passes_a_limit_is_refused(string expression, string fault) =>
        Assert.That(Assert.Throws<SelectorException>(() => Selector.Parse(expression))!.Message, Does.Contain(fault));

    [Test]
    public void What_is_just_within_the_limits_is_taken()
    {
        Assert.That(TestMessage.Of(new string('(', 100) + "TRUE" + new string(')', 100)), Is.EqualTo(Truth.True));
        Assert.That(TestMessage.Of(string.Join('+', Enumerable.Repeat("1", 250)) + " = 250"), Is.EqualTo(Truth.True));
        Assert.That(TestMessage.Of(string.Join(" AND ", Enumerable.Repeat("1=1", 340))), Is.EqualTo(Truth.True));
        Assert.That(TestMessage.With("x", "w699").Truth($"x IN ({string.Join(',', Enumerable.Range(0, 700).Select(i => $"'w{i}'"))})"), Is.EqualTo(Truth.True));
    }
}
