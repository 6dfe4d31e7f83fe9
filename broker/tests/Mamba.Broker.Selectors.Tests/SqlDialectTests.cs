using System.Text;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Types;
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

    [TestCase("p.color = 1", 0, "no field 'color'")]
    [TestCase("x = 1 AND h.foo = 1", 10, "'foo' is no field of the header")]
    [TestCase("f.x = 1", 0, "not available")]
    [TestCase("LOWER(color) = 'red'", 0, "no function 'LOWER'")]
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
