using Mamba.Amqp.Messaging;
using Mamba.Amqp.Types;
using Mamba.Broker.Selectors;

namespace Mamba.Tools.SelectorFuzz;

/// <summary>
/// Expressions that use the limits up, each over a message made to hurt it: 100 properties, strings of 1,024 bytes that nearly match
/// everywhere. Longer strings cost in proportion: at most the searches that the limits allow, each about a nanosecond for a byte.
/// </summary>
public static class WorstCases
{
    private const int TextLength = 1024;

    public static IReadOnlyList<TimingCase> All()
    {
        var message = HostileMessage();
        return
        [
            .. Searches(message),
            .. Functions(message),
            Case("a comparison of a property 250 times", Repeat(" OR ", 250, i => $"p{i % 100} = {i + 1000000}"), message),
            Case("127 different properties, none there", Repeat(" OR ", 127, i => $"absent{i:D4}x = 1"), message),
            Case("a sum of 250 terms", Repeat("+", 250, i => i % 2 == 0 ? "n" : "1.5") + " > 1", message),
            Case("1,000 operators and operands", "NOT (" + Repeat(" AND ", 249, i => $"n <> {i + 2}") + ")", message),
            Case("divisions", Repeat(" OR ", 120, i => $"n/{i + 3}/7.5 < -1"), message),
            Case("an IN list of 700 strings, 100 times", Repeat(" OR ", 100, i => $"text IN ({(i == 0 ? Repeat(",", 700, j => $"'w{j}'") : "'x'")})"), message),
            Case("equality of long strings", Repeat(" OR ", 7, i => $"text = '{new string('a', 1023)}{i}'"), message),
            Case("100 parentheses", new string('(', 100) + "n = 1" + new string(')', 100), message),
            Case("JMSMessageID of a long binary id, 200 times", Repeat(" OR ", 200, i => $"JMSMessageID = '{i}'"), message),
        ];
    }

    private static IEnumerable<TimingCase> Searches(MessageFacts message)
    {
        string[] patterns =
        [
            "%b%",
            "%aaaaaaab%",
            "%" + new string('a', 63) + "b%",
            "%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%b%",
            "%a_a_a_a_a_a_a_a_a_a_a_a_a_a_a_a_a_a_b%",
            "%_a%_a%_a%_a%_a%_a%_a%_a%_a%_b%",
            "%" + new string('_', 63) + "b%",
        ];
        foreach (var pattern in patterns)
        {
            yield return Case($"LIKE '{pattern}' {SelectorLimits.MaxSearches} times", Repeat(" OR ", SelectorLimits.MaxSearches, _ => $"text LIKE '{pattern}'"), message);
        }

        yield return Case($"LIKE over two-byte characters {SelectorLimits.MaxSearches} times", Repeat(" OR ", SelectorLimits.MaxSearches, _ => "umlauts LIKE '%ä_ä_b%'"), message);
        yield return Case("LIKE of a literal of 500 bytes 4 times", Repeat(" OR ", SelectorLimits.MaxSearches / 4, _ => $"text LIKE '%{new string('a', 499)}b%'"), message);
        yield return Case("LIKE of fixed ends with 1,000 _", $"text LIKE '{new string('_', 1000)}b%' OR text LIKE '%b{new string('_', 1000)}'", message);
    }

    /// <summary>Texts that are made for the comparison, which only the SQL filter has.</summary>
    private static IEnumerable<TimingCase> Functions(MessageFacts message)
    {
        const int Most = SelectorLimits.MaxTextFunctions;
        yield return Sql($"UPPER {Most} times", Repeat(" OR ", Most, i => $"UPPER(text) = 'B{i}'"), message);
        yield return Sql($"UPPER of two-byte characters {Most} times", Repeat(" OR ", Most, i => $"UPPER(umlauts) = 'B{i}'"), message);
        yield return Sql($"LIKE of LOWER {Most} times", Repeat(" OR ", Most, _ => "LOWER(umlauts) LIKE '%ä_ä_b%'"), message);
        yield return Sql($"UPPER of LOWER, nested {Most} deep", Repeat("(", Most, i => i % 2 == 0 ? "UPPER" : "LOWER") + "(umlauts" + new string(')', Most) + " = 'B'", message);
        yield return Sql($"SUBSTRING near the end {Most} times", Repeat(" OR ", Most, i => $"SUBSTRING(umlauts, {500 + i}, 9) = 'b'"), message);
        yield return Sql($"RIGHT {Most} times", Repeat(" OR ", Most, i => $"RIGHT(umlauts, {500 + (i % 9)}) = 'b'"), message);
    }

    private static TimingCase Case(string name, string expression, MessageFacts message) => new(name, Selector.Parse(expression), message);

    private static TimingCase Sql(string name, string expression, MessageFacts message) => new(name, Selector.Parse(expression, SelectorDialect.Sql), message);

    private static string Repeat(string between, int count, Func<int, string> part) => string.Join(between, Enumerable.Range(0, count).Select(part));

    private static MessageFacts HostileMessage()
    {
        var properties = new AmqpMap();
        for (var i = 0; i < 97; i++)
        {
            properties.Add($"p{i}", i);
        }

        properties.Add("n", 1);
        properties.Add("text", new string('a', TextLength));
        properties.Add("umlauts", new string('ä', TextLength / 2));
        var message = new AmqpMessage
        {
            Properties = new MessageProperties { MessageId = new byte[TextLength / 2] },
            ApplicationProperties = properties,
        };
        return new MessageFacts(message.Encode(), 0, message);
    }
}
