using static Mamba.Broker.Selectors.Truth;

namespace Mamba.Broker.Selectors.Tests;

/// <summary>Each rule of the language (Jakarta Messaging 3.1 §3.8.1) by examples of what it gives.</summary>
[TestFixture]
internal sealed class GrammarTests
{
    // i = 5, d = 2.5, s = 'red', t = true, nothing else is there.
    private static Truth Over(string expression) => TestMessage.With("i", 5, "d", 2.5, "s", "red", "t", true, "none", null).Truth(expression);

    [TestCase("TRUE", True)]
    [TestCase("false", False)]
    [TestCase("TrUe AND fAlSe", False)]
    [TestCase("t", True)]
    [TestCase("NOT t", False)]
    [TestCase("missing", Unknown)]
    [TestCase("i", Unknown, Description = "a number is no condition")]
    [TestCase("s", Unknown)]
    public void Booleans(string expression, Truth expected) => Assert.That(Over(expression), Is.EqualTo(expected));

    [TestCase("t AND t", True)]
    [TestCase("t AND missing", Unknown)]
    [TestCase("missing AND missing", Unknown)]
    [TestCase("FALSE AND missing", False)]
    [TestCase("missing AND FALSE", False)]
    [TestCase("t OR missing", True)]
    [TestCase("missing OR t", True)]
    [TestCase("FALSE OR missing", Unknown)]
    [TestCase("missing OR missing", Unknown)]
    [TestCase("FALSE OR FALSE", False)]
    [TestCase("NOT missing", Unknown)]
    [TestCase("NOT (missing OR t)", False)]
    public void Three_valued_logic(string expression, Truth expected) => Assert.That(Over(expression), Is.EqualTo(expected));

    [TestCase("TRUE OR TRUE AND FALSE", True)]
    [TestCase("(TRUE OR TRUE) AND FALSE", False)]
    [TestCase("NOT FALSE AND FALSE", False)]
    [TestCase("NOT (FALSE AND FALSE)", True)]
    [TestCase("NOT i = 6", True)]
    [TestCase("NOT NOT t", True)]
    [TestCase("1 + 2 * 3 = 7", True)]
    [TestCase("(1 + 2) * 3 = 9", True)]
    [TestCase("10 - 3 - 2 = 5", True)]
    [TestCase("100 / 10 / 5 = 2", True)]
    [TestCase("-2 * -3 = 6", True)]
    [TestCase("- i = -5", True)]
    [TestCase("1 < 2 AND 2 < 3 OR missing", True)]
    [TestCase("i BETWEEN 1 AND 9 AND t", True)]
    [TestCase("(i = 5) = TRUE", True)]
    [TestCase("(i = 5) <> (s = 'red')", False)]
    public void Precedence(string expression, Truth expected) => Assert.That(Over(expression), Is.EqualTo(expected));

    [TestCase("i = 5", True)]
    [TestCase("i = 5.0", True)]
    [TestCase("i <> 5", False)]
    [TestCase("i != 4", True)]
    [TestCase("i < 6 AND i <= 5 AND i > 4 AND i >= 5", True)]
    [TestCase("d = 2.5", True)]
    [TestCase("d > 2", True)]
    [TestCase("s = 'red'", True)]
    [TestCase("s <> 'blue'", True)]
    [TestCase("s = 'Red'", False)]
    [TestCase("t = TRUE", True)]
    [TestCase("t <> FALSE", True)]
    [TestCase("missing = 5", Unknown)]
    [TestCase("missing <> 5", Unknown)]
    [TestCase("missing = missing", Unknown)]
    [TestCase("none = 1", Unknown)]
    public void Comparisons(string expression, Truth expected) => Assert.That(Over(expression), Is.EqualTo(expected));

    [TestCase("i = '5'")]
    [TestCase("i <> '5'")]
    [TestCase("s = 5")]
    [TestCase("s <> 5")]
    [TestCase("s > 5")]
    [TestCase("t = 'true'")]
    [TestCase("t = 1")]
    [TestCase("t > 0")]
    [TestCase("s < s", Description = "strings have no order")]
    [TestCase("s >= s")]
    [TestCase("t >= t")]
    [TestCase("'1' = 1")]
    public void Unlike_types_are_false_whatever_the_operator(string expression)
    {
        Assert.That(Over(expression), Is.EqualTo(False));
        Assert.That(Over($"NOT ({expression})"), Is.EqualTo(True));
    }

    [TestCase("i BETWEEN 5 AND 6", True)]
    [TestCase("i BETWEEN 4 AND 5", True)]
    [TestCase("i BETWEEN 6 AND 4", False)]
    [TestCase("i NOT BETWEEN 6 AND 9", True)]
    [TestCase("i NOT BETWEEN 1 AND 9", False)]
    [TestCase("d between 2 and 3", True)]
    [TestCase("i BETWEEN d AND d * 2", True)]
    [TestCase("missing BETWEEN 1 AND 2", Unknown)]
    [TestCase("i BETWEEN missing AND 2", False, Description = "5 <= 2 is false, which decides")]
    [TestCase("i BETWEEN missing AND 9", Unknown)]
    [TestCase("i NOT BETWEEN 9 AND missing", True)]
    [TestCase("s BETWEEN 1 AND 2", False)]
    [TestCase("s NOT BETWEEN 1 AND 2", False, Description = "it is s < 1 OR s > 2")]
    public void Between(string expression, Truth expected) => Assert.That(Over(expression), Is.EqualTo(expected));

    [TestCase("s IN ('red')", True)]
    [TestCase("s IN ('blue', 'green', 'red')", True)]
    [TestCase("s IN ('blue', 'green')", False)]
    [TestCase("s NOT IN ('blue', 'green')", True)]
    [TestCase("s not in ('red')", False)]
    [TestCase("s IN ('')", False)]
    [TestCase("missing IN ('red')", Unknown)]
    [TestCase("missing NOT IN ('red')", Unknown)]
    [TestCase("i IN ('5')", False)]
    [TestCase("i NOT IN ('5')", True)]
    public void In(string expression, Truth expected) => Assert.That(Over(expression), Is.EqualTo(expected));

    [TestCase("missing IS NULL", True)]
    [TestCase("none IS NULL", True)]
    [TestCase("none IS NOT NULL", False)]
    [TestCase("i is null", False)]
    [TestCase("i IS NOT NULL", True)]
    [TestCase("NOT (missing IS NULL)", False)]
    public void Is_null(string expression, Truth expected) => Assert.That(Over(expression), Is.EqualTo(expected));

    [TestCase("i + 1 = 6", True)]
    [TestCase("i - d = 2.5", True)]
    [TestCase("i * d = 12.5", True)]
    [TestCase("i / 2 = 2", True, Description = "exact division cuts off")]
    [TestCase("i / 2. = 2.5", True)]
    [TestCase("-7 / 2 = -3", True)]
    [TestCase("+i = 5", True)]
    [TestCase("- -i = 5", True)]
    [TestCase("i / 0 = 1", Unknown)]
    [TestCase("i / 0. = 1", Unknown)]
    [TestCase("missing + 1 = 1", Unknown)]
    [TestCase("s + 1 = 1", Unknown)]
    [TestCase("-s = 1", Unknown)]
    [TestCase("t * 2 = 2", Unknown)]
    [TestCase("9223372036854775807 + 1 = -9223372036854775808", True, Description = "as Java's long")]
    [TestCase("-9223372036854775808 / -1 = -9223372036854775808", True)]
    [TestCase("4611686018427387904 * 4 = 0", True)]
    public void Arithmetic(string expression, Truth expected) => Assert.That(Over(expression), Is.EqualTo(expected));

    [TestCase("0x1F = 31", True)]
    [TestCase("0XfF = 255", True)]
    [TestCase("0xFFFFFFFFFFFFFFFF = -1", True)]
    [TestCase("0x10L = 16", True)]
    [TestCase("010 = 8", True)]
    [TestCase("0777 = 511", True)]
    [TestCase("00 = 0", True)]
    [TestCase("-0x10 = -16", True)]
    [TestCase("5L = 5", True)]
    [TestCase("5l = 5", True)]
    [TestCase("9223372036854775807 > 0", True)]
    [TestCase("-9223372036854775808 < 0", True)]
    [TestCase("7. = 7", True)]
    [TestCase("-95.7 < -95", True)]
    [TestCase("+6.2 > 6", True)]
    [TestCase(".5 = 0.5", True)]
    [TestCase("6E2 = 600", True)]
    [TestCase("6e+2 = 600", True)]
    [TestCase("57.92E-1 = 5.792", True)]
    [TestCase("7.e2 = 700", True)]
    [TestCase("09.5 = 9.5", True)]
    [TestCase("1D = 1", True)]
    [TestCase("2.5f = 2.5", True)]
    [TestCase("1.1F = 1.1", False, Description = "a float made a double is not the double")]
    [TestCase("1.5d = 1.5F", True)]
    [TestCase("9007199254740993 = 9007199254740992.", True, Description = "a long made a double is rounded")]
    public void Numeric_literals(string expression, Truth expected) => Assert.That(Over(expression), Is.EqualTo(expected));

    [Test]
    public void Quotes_in_strings_are_doubled()
    {
        var message = TestMessage.With("a", "it's", "b", "", "c", "日本 😀", "d", "a''b");
        Assert.That(message.Truth("a = 'it''s' AND b = '' AND c = '日本 😀' AND d = 'a''''b'"), Is.EqualTo(True));
    }

    [Test]
    public void Blanks_are_of_all_kinds_and_signs_need_none()
    {
        Assert.That(Over("i=5\tAND\ts='red'\r\nAND\f( d>2 )"), Is.EqualTo(True));
        Assert.That(Over("(i<>4)AND(i>=5)AND NOT(i<5)"), Is.EqualTo(True));
    }

    [TestCase("")]
    [TestCase(" \t\r\n ")]
    public void A_blank_selector_matches_everything(string blank) =>
        Assert.That(Selector.Parse(blank).Matches(TestMessage.With().Input), Is.True);
}
