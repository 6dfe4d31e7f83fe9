using System.Globalization;

namespace Mamba.Tools.SelectorFuzz;

/// <summary>
/// Expressions at random, of everything the grammar has. They are well typed where the language insists on it, and of the same few
/// names and values as <see cref="RandomMessages"/>, so that all three results are frequent.
/// </summary>
public sealed class RandomExpressions(Random random, bool sql)
{
    private static readonly string[] JmsNames =
    [
        "JMSMessageID", "JMSCorrelationID", "JMSPriority", "JMSDeliveryMode", "JMSTimestamp", "JMSType", "JMSDestination", "JMSReplyTo",
        "JMSRedelivered", "JMSExpiration", "JMSXGroupID", "JMSXGroupSeq", "JMSXUserID", "JMSXDeliveryCount", "JMS_AMQP_TTL",
        "amqp.message_id", "amqp.correlation_id", "amqp.subject", "amqp.content_type", "amqp.creation_time", "amqp.priority", "m.x-opt-a", "m.x-opt-b",
    ];

    private static readonly string[] SqlNames =
    [
        "p.message_id", "properties.user_id", "p.to", "p.subject", "properties.reply_to", "p.correlation_id", "p.content_type",
        "p.content_encoding", "p.absolute_expiry_time", "properties.creation_time", "p.group_id", "p.group_sequence",
        "p.reply_to_group_id", "p.group-id", "properties.creation-time", "h.delivery-count", "h.priority", "header.durable", "h.delivery_count", "h.ttl", "a.a", "application_properties.b", "m.x_opt_c",
    ];

    private static readonly string[] Comparisons = ["=", "<>", "<", "<=", ">", ">="];
    private static readonly string[] JmsArithmetic = ["+", "-", "*", "/"];
    private static readonly string[] SqlArithmetic = [.. JmsArithmetic, "%"];

    private const int MaxCalls = 12;

    private int _calls;

    /// <summary>A condition of about so many operators.</summary>
    public Expression Condition(int size)
    {
        if (size <= 1)
        {
            return random.Next(6) == 0 ? Atom() : Predicate(1);
        }

        var left = random.Next(1, size);
        return random.Next(8) switch
        {
            0 or 1 => new Binary("AND", Condition(left), Condition(size - left)),
            2 or 3 => new Binary("OR", Condition(left), Condition(size - left)),
            4 => new Unary("NOT", Condition(size - 1)),
            5 => new Binary(random.Next(2) == 0 ? "=" : "<>", Condition(left), Condition(size - left)),
            _ => Predicate(size),
        };
    }

    private Expression Predicate(int size)
    {
        switch (random.Next(10))
        {
            case 0:
                return new IsNull(Name(), random.Next(2) == 0);
            case 1:
                return new Between(Number(size / 3), Number(size / 3), Number(size / 3), random.Next(2) == 0);
            case 2:
                return new In(TextOperand(), Items(), random.Next(2) == 0);
            case 3 or 4:
                return RandomLike();
            case 5:
                return new Binary(random.Next(2) == 0 ? "=" : "<>", Anything(size / 2), Anything(size / 2));
            case 6:
                return new Binary(random.Next(4) == 0 && sql ? Pick(Comparisons) : Pick(["=", "<>"]), sql ? TextOperand() : Name(), TextLiteral());
            default:
                return new Binary(Pick(Comparisons), Number(size / 2), Number(size / 2));
        }
    }

    private Expression Atom() => random.Next(4) switch
    {
        0 => new Literal(true, random.Next(2) == 0 ? "TRUE" : "true"),
        1 => new Literal(false, random.Next(2) == 0 ? "FALSE" : "False"),
        _ => Name(),
    };

    private Expression Anything(int size) => random.Next(6) switch
    {
        0 => TextLiteral(),
        1 => Atom(),
        2 when sql => new Literal(Convert.FromHexString("426F62"), "0x426F62"),
        _ => Number(size),
    };

    private Expression Number(int size)
    {
        if (size > 1)
        {
            var left = random.Next(1, size);
            return random.Next(5) switch
            {
                0 => new Unary(random.Next(2) == 0 ? "-" : "+", Number(size - 1)),
                _ => new Binary(Pick(sql ? SqlArithmetic : JmsArithmetic), Number(left), Number(size - left)),
            };
        }

        return random.Next(8) switch
        {
            <= 3 => Name(),
            4 when sql => random.Next(3) == 0 && _calls < MaxCalls ? DateCall() : new Utc(),
            5 => ApproximateLiteral(),
            _ => ExactLiteral(),
        };
    }

    private Literal ExactLiteral()
    {
        var number = RandomValues.Long(random);
        var suffix = random.Next(8) == 0 ? "L" : "";
        return (random.Next(6), number) switch
        {
            (0, _) when !sql => new Literal(number, $"0x{number:X}{suffix}"),
            (1, > 0) when !sql => new Literal(number, $"0{Convert.ToString(number, 8)}{suffix}"),
            _ => new Literal(number, $"{number}{suffix}"),
        };
    }

    private Literal ApproximateLiteral()
    {
        var number = RandomValues.Double(random);
        if (random.Next(6) == 0)
        {
            var single = (float)Math.Clamp(number, -1e30, 1e30);
            return new Literal(single, $"{single.ToString("R", CultureInfo.InvariantCulture)}{Pick(["f", "F"])}");
        }

        if (number == Math.Floor(number) && Math.Abs(number) < 1e6)
        {
            return new Literal(number, Pick([$"{number:F0}.", $"{number:F0}.0", $"{number:F0}D", $"{number:F0}e0"]));
        }

        return new Literal(number, number.ToString(Pick(["E17", "R"]), CultureInfo.InvariantCulture) is var text && text.AsSpan().IndexOfAny("E.") >= 0 ? text : text + ".0");
    }

    private Literal TextLiteral()
    {
        var text = RandomValues.Text(random);
        return new Literal(text, Printer.Quote(text));
    }

    private Like RandomLike()
    {
        var escape = random.Next(3) == 0 ? Pick(["\\", "!", "a", "é"]) : null;
        var pattern = string.Concat(Enumerable.Range(0, random.Next(7)).Select(_ => PatternPart(escape)));
        return new Like(TextOperand(), pattern, escape, random.Next(2) == 0);
    }

    private string PatternPart(string? escape)
    {
        var part = Pick(["%", "%", "_", "a", "b", "ab", "é", "Bob", "ID:", "-", "x_y", "'"]);
        return escape is null ? part : random.Next(3) == 0 ? escape + Pick(["%", "_", escape, "b"]) : part.Replace(escape, "");
    }

    private IReadOnlyList<Expression> Items() =>
        [.. Enumerable.Range(0, random.Next(1, random.Next(12) == 0 ? 40 : 5)).Select(_ => sql && random.Next(3) == 0 ? Anything(2) : (Expression)TextLiteral())];

    private Expression TextOperand() => !sql ? Name() : random.Next(6) switch
    {
        0 => TextLiteral(),
        1 or 2 when _calls < MaxCalls => TextCall(),
        _ => Name(),
    };

    private Call TextCall()
    {
        _calls++;
        return random.Next(6) switch
        {
            0 or 1 => new Call(Pick(["LOWER", "UPPER"]), [TextOperand()]),
            2 => new Call("LEFT", [TextOperand(), Count()]),
            3 => new Call("RIGHT", [TextOperand(), Count()]),
            4 => new Call("SUBSTRING", [TextOperand(), Count()]),
            _ => new Call("SUBSTRING", [TextOperand(), Count(), Count()]),
        };
    }

    /// <summary>Mostly such as lie within the texts there are.</summary>
    private Expression Count()
    {
        var count = random.Next(6);
        return random.Next(4) == 0 ? Number(1) : new Literal((long)count, $"{count}");
    }

    private Call DateCall()
    {
        _calls++;
        return new Call("DATE", [random.Next(3) == 0 ? new Literal(RandomValues.Time, Printer.Quote(RandomValues.Time)) : Name()]);
    }

    private Identifier Name() => new(random.Next(3) == 0 ? Pick(sql ? SqlNames : JmsNames) : Pick(RandomValues.Names));

    private T Pick<T>(IReadOnlyList<T> of) => of[random.Next(of.Count)];
}
