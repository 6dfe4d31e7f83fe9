using System.Text;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Types;
using Mamba.Broker.Selectors.Evaluation;
using static Mamba.Broker.Selectors.Truth;

namespace Mamba.Broker.Selectors.Tests;

/// <summary>SQL filter expressions (AMQP Filter Expressions 1.0, committee draft 01, §6), where they differ from selectors.</summary>
[TestFixture]
internal sealed class SqlDialectTests
{
    private static readonly MessageProperties Properties = new()
    {
        MessageId = new byte[] { 0x12, 0x34 }, UserId = Encoding.UTF8.GetBytes("Bob"), Subject = "Order", GroupId = "g", GroupSequence = 7, CreationTime = new Timestamp(1000),
    };

    private static Truth Over(string expression) => (TestMessage.Of(
        Properties, "color", "red", "order-status", "new", "JMSType", "own", "n", 7, "header.x", 1, "flag", true) with { Now = 5000, Priority = 6 })
        .Truth(expression, SelectorDialect.Sql);

    [TestCase("properties.subject = 'Order' AND p.subject LIKE 'Or%'", True)]
    [TestCase("p.group_id = 'g' AND properties.group-id = 'g' AND p.group-sequence-1 = 6", True)]
    [TestCase("p.user_id = 0x426F62 AND p.user_id = 'Bob'", True)]
    [TestCase("p.message_id = 0x1234", True)]
    [TestCase("p.message_id = 0x1235", False)]
    [TestCase("header.priority > 4 AND h.priority = 6", True)]
    [TestCase("a.color = 'red' AND application_properties.color = 'red' AND color = 'red'", True)]
    [TestCase("[order-status] = 'new' AND a.[order-status] = 'new'", True)]
    [TestCase("JMSType = 'own'", True, Description = "there are no JMS headers here")]
    [TestCase("[header.x] = 1", True)]
    [TestCase("m.x IS NULL", True)]
    [TestCase("color = \"red\"", True, Description = "double quotes are strings")]
    [TestCase("p.creation_time < UTC() AND p.creation_time > UTC() - 5000", True)]
    [TestCase("n % 4 = 3", True)]
    [TestCase("n % 0 = 3", Unknown)]
    [TestCase("n % 1.5 = 1", Unknown)]
    [TestCase("n IN (1, 3 + 4)", True)]
    [TestCase("n NOT IN (1, missing)", Unknown)]
    [TestCase("color > 'blue' AND color < 'z'", True, Description = "strings have an order")]
    [TestCase("color BETWEEN 'a' AND 'z'", True)]
    [TestCase("EXISTS(color) AND NOT EXISTS(missing)", True)]
    [TestCase("010 = 10", True)]
    [TestCase("flag AND NOT missing IS NOT NULL", True)]
    [TestCase("'abc' LIKE '_b%'", True)]
    public void Gives(string expression, Truth expected) => Assert.That(Over(expression), Is.EqualTo(expected));

    [TestCase("LOWER('ÄbC') = 'äbc' AND UPPER(color) = 'RED' AND lower(color) = 'red'", True)]
    [TestCase("UPPER(properties.subject) = 'ORDER'", True)]
    [TestCase("UPPER(n) = '7'", Unknown)]
    [TestCase("LOWER(missing) = 'x'", Unknown)]
    [TestCase("LEFT(color, 2) = 're' AND LEFT(color, 9) = 'red' AND LEFT(color, 0) = ''", True)]
    [TestCase("RIGHT(color, 2) = 'ed' AND RIGHT('日本', 1) = '本'", True)]
    [TestCase("LEFT(color, -1) = ''", Unknown)]
    [TestCase("LEFT(color, 1.5) = 'r'", Unknown)]
    [TestCase("SUBSTRING(color, 2) = 'ed' AND SUBSTRING(color, 2, 1) = 'e' AND SUBSTRING(color, 0, 2) = 'r' AND SUBSTRING(color, 9) = ''", True)]
    [TestCase("SUBSTRING('a😀b', 2, 1) = '😀'", True)]
    [TestCase("SUBSTRING(color, -9223372036854775808, 0) = '' AND SUBSTRING(color, 1, 9223372036854775807) = 'red'", True)]
    [TestCase("SUBSTRING(color, -9223372036854775808) = 'red' AND SUBSTRING(color, -5) = 'red' AND SUBSTRING(color, -1, 3) = 'r'", True)]
    [TestCase("UPPER(SUBSTRING(LOWER(properties.subject), 1, 3)) LIKE 'OR_' AND LOWER(color) IN ('red', 'blue')", True)]
    [TestCase("DATE('1970-01-01T00:00:05Z') = UTC() AND DATE('1970-01-02') > UTC() AND DATE('1970-01-01T01:00:05.000+01:00') = UTC()", True)]
    [TestCase("p.creation_time = DATE('1970-01-01T00:00:01Z')", True)]
    [TestCase("DATE(color) < UTC()", Unknown)]
    public void Gives_what_functions_make(string expression, Truth expected) => Assert.That(Over(expression), Is.EqualTo(expected));

    [Test]
    public void A_text_too_long_for_a_function_is_null_to_it()
    {
        var message = TestMessage.Of(Properties, "long", new string('a', SelectorLimits.MaxFunctionText + 1), "fits", new string('ä', SelectorLimits.MaxFunctionText / 2));
        Assert.That(message.Truth("UPPER(long) = 'A'", SelectorDialect.Sql), Is.EqualTo(Unknown));
        Assert.That(message.Truth("LEFT(UPPER(fits), 2) = 'ÄÄ'", SelectorDialect.Sql), Is.EqualTo(True));
    }

    [Test]
    public void Every_character_has_its_other_letter([Values] bool upper)
    {
        var different = new List<string>();
        Span<byte> mapped = stackalloc byte[16];
        for (var scalar = 0; scalar <= 0x10ffff; scalar++)
        {
            if (Rune.TryCreate(scalar, out var rune))
            {
                var text = $"a{rune}Z";
                var length = TextFunction.Map(Encoding.UTF8.GetBytes(text), mapped, upper);
                var expected = string.Concat(text.EnumerateRunes().Select(r => (upper ? Rune.ToUpperInvariant(r) : Rune.ToLowerInvariant(r)).ToString()));
                if (Encoding.UTF8.GetString(mapped[..length]) != expected)
                {
                    different.Add($"U+{scalar:X}");
                }
            }
        }

        Assert.That(different, Is.Empty);
    }

    [Test]
    public void Functions_of_texts_are_bounded()
    {
        var nested = string.Concat(Enumerable.Repeat("LOWER(", SelectorLimits.MaxTextFunctions)) + "color" + new string(')', SelectorLimits.MaxTextFunctions);
        Assert.That(Over($"{nested} = 'red'"), Is.EqualTo(True));
        Assert.That(() => Selector.Parse($"LOWER({nested}) = 'red'", SelectorDialect.Sql), Throws.TypeOf<SelectorException>().With.Message.Contain("functions of texts"));
    }

    [TestCase("p.color = 1", 0, "no field 'color'")]
    [TestCase("x = 1 AND h.foo = 1", 10, "'foo' is no field of the header")]
    [TestCase("f.x = 1", 0, "not available")]
    [TestCase("TRIM(color) = 'red'", 0, "no function 'TRIM'")]
    [TestCase("LOWER(5) = 'red'", 6, "LOWER needs a string and found a number")]
    [TestCase("LOWER(color, 1) = 'red'", 11, "expected ')'")]
    [TestCase("LEFT(color) = 'r'", 10, "expected ','")]
    [TestCase("RIGHT(color, 'x') = 'r'", 13, "needs a number")]
    [TestCase("DATE('yesterday') < UTC()", 5, "is no time")]
    [TestCase("DATE('2026-02-30') < UTC()", 5, "is no time")]
    [TestCase("[color = 1", 0, "no closing ]")]
    [TestCase("[] = 1", 0, "the name is empty")]
    [TestCase("p.message_id = 0x123", 15, "even number")]
    [TestCase("EXISTS(5)", 7, "expected an identifier")]
    public void Refuses(string expression, int position, string fault)
    {
        var refused = Assert.Throws<SelectorException>(() => Selector.Parse(expression, SelectorDialect.Sql));
        Assert.That((refused!.Position, refused.Message), Is.EqualTo((position, refused.Message)));
        Assert.That(refused.Message, Does.Contain(fault));
    }
}
