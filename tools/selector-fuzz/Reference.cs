using System.Text;

namespace Mamba.Tools.SelectorFuzz;

/// <summary>
/// The plainly written second evaluator: walks the expression as a tree and computes with boxed values, null being unknown. Written
/// for being right at a glance, not for speed.
/// </summary>
public sealed class Reference(MessageFacts message, bool sql)
{
    /// <summary>True, false, or null for unknown.</summary>
    public bool? Test(Expression expression) => Evaluate(expression) as bool?;

    private object? Evaluate(Expression expression) => expression switch
    {
        Literal literal => literal.Value is float f ? (double)f : literal.Value,
        Identifier identifier => message.ValueOf(identifier.Name, sql),
        Utc => message.Now,
        Call call => Apply(call.Name, [.. call.Arguments.Select(Evaluate)]),
        Unary { Sign: "NOT" } not => Test(not.Operand) is { } truth ? !truth : null,
        Unary sign => Negate(Evaluate(sign.Operand), sign.Sign == "-"),
        Binary { Sign: "AND" } and => And(Test(and.Left), Test(and.Right)),
        Binary { Sign: "OR" } or => Or(Test(or.Left), Test(or.Right)),
        Binary { Sign: "+" or "-" or "*" or "/" or "%" } sum => Compute(Evaluate(sum.Left), sum.Sign, Evaluate(sum.Right)),
        Binary comparison => Compare(Evaluate(comparison.Left), comparison.Sign, Evaluate(comparison.Right)),
        IsNull isNull => Evaluate(isNull.Operand) is null != isNull.Negated,
        Between between => TestBetween(between),
        In list => TestIn(list),
        Like like => TestLike(like),
        _ => throw new ArgumentException(expression.ToString(), nameof(expression)),
    };

    private static object? Apply(string name, object?[] values)
    {
        if (values[0] is not string text || values.Skip(1).Any(v => v is not long))
        {
            return null;
        }

        var characters = text.EnumerateRunes().ToList();
        var numbers = values.Skip(1).Select(v => (Int128)(long)v!).ToList();
        var hasCount = name is "LEFT" or "RIGHT" || numbers.Count == 2;
        if (hasCount && numbers[^1] < 0)
        {
            return null;
        }

        return name switch
        {
            "LOWER" => Join(characters.Select(Rune.ToLowerInvariant)),
            "UPPER" => Join(characters.Select(Rune.ToUpperInvariant)),
            "LEFT" => Join(characters.Where((_, i) => i < numbers[0])),
            "RIGHT" => Join(characters.Where((_, i) => i >= characters.Count - numbers[0])),
            "SUBSTRING" => Join(characters.Where((_, i) => i + 1 >= numbers[0] && (numbers.Count == 1 || i + 1 < numbers[0] + numbers[1]))),
            _ => TimeOf(text),
        };
    }

    private static string Join(IEnumerable<Rune> characters) => string.Concat(characters.Select(c => c.ToString()));

    /// <summary>The two times that <see cref="RandomValues"/> has among its texts; nothing else there is one.</summary>
    private static object? TimeOf(string text) => text switch
    {
        RandomValues.Date => 1_709_164_800_000L,
        RandomValues.Time => 1_709_209_800_250L,
        _ => null,
    };

    private static bool? And(bool? left, bool? right)
    {
        if (left == false || right == false)
        {
            return false;
        }

        return left is null || right is null ? null : true;
    }

    private static bool? Or(bool? left, bool? right)
    {
        if (left == true || right == true)
        {
            return true;
        }

        return left is null || right is null ? null : false;
    }

    private static object? Negate(object? value, bool negates) => value switch
    {
        long number => negates ? unchecked(0 - number) : number,
        double number => negates ? -number : number,
        _ => null,
    };

    private static object? Compute(object? left, string sign, object? right)
    {
        if (left is long a && right is long b)
        {
            return sign switch
            {
                "+" => unchecked(a + b),
                "-" => unchecked(a - b),
                "*" => unchecked(a * b),
                _ when b == 0 => null,
                "/" => unchecked((long)((Int128)a / b)),
                _ => (long)((Int128)a % b),
            };
        }

        if (left is not (long or double) || right is not (long or double))
        {
            return null;
        }

        double x = Convert.ToDouble(left), y = Convert.ToDouble(right);
        return sign switch
        {
            "+" => x + y,
            "-" => x - y,
            "*" => x * y,
            "/" when y != 0 => x / y,
            _ => null,
        };
    }

    private bool? Compare(object? left, string sign, object? right)
    {
        switch (left, right)
        {
            case (null, _) or (_, null):
                return null;
            case (long a, long b):
                return Holds(sign, a < b, a == b, a > b);
            case (long or double, long or double):
                double x = Convert.ToDouble(left), y = Convert.ToDouble(right);
                return Holds(sign, x < y, x == y, x > y);
            case (string a, string b):
                var order = sql ? CompareByCodePoint(a, b) : 0;
                return sign is "=" or "<>" ? (a == b) == (sign == "=") : sql && Holds(sign, order < 0, order == 0, order > 0);
            case (bool a, bool b):
                return sign is "=" or "<>" && (a == b) == (sign == "=");
            case (byte[] a, byte[] b):
                return sign is "=" or "<>" && a.SequenceEqual(b) == (sign == "=");
            case (byte[] a, string b) when sql:
                return sign is "=" or "<>" && a.SequenceEqual(Encoding.UTF8.GetBytes(b)) == (sign == "=");
            case (string a, byte[] b) when sql:
                return sign is "=" or "<>" && b.SequenceEqual(Encoding.UTF8.GetBytes(a)) == (sign == "=");
            default:
                return false;
        }
    }

    private static bool Holds(string sign, bool less, bool equal, bool greater) => sign switch
    {
        "=" => equal,
        "<>" => !equal,
        "<" => less,
        "<=" => less || equal,
        ">" => greater,
        _ => greater || equal,
    };

    private static int CompareByCodePoint(string left, string right)
    {
        var (a, b) = (left.EnumerateRunes().ToList(), right.EnumerateRunes().ToList());
        for (var i = 0; i < Math.Min(a.Count, b.Count); i++)
        {
            if (a[i] != b[i])
            {
                return a[i].Value.CompareTo(b[i].Value);
            }
        }

        return a.Count.CompareTo(b.Count);
    }

    private bool? TestBetween(Between between)
    {
        var (value, low, high) = (Evaluate(between.Operand), Evaluate(between.Low), Evaluate(between.High));
        return between.Negated
            ? Or(Compare(value, "<", low), Compare(value, ">", high))
            : And(Compare(value, ">=", low), Compare(value, "<=", high));
    }

    private bool? TestIn(In list)
    {
        var value = Evaluate(list.Operand);
        bool? found = false;
        foreach (var item in list.Items)
        {
            found = Or(found, Compare(value, "=", Evaluate(item)));
        }

        return list.Negated ? !found : found;
    }

    private bool? TestLike(Like like)
    {
        var value = Evaluate(like.Operand);
        if (value is null)
        {
            return null;
        }

        return (value is string text && IsLike(text, like.Pattern, like.Escape)) != like.Negated;
    }

    /// <summary>By dynamic programming: fits[j] says whether the pattern read so far fits the first j characters.</summary>
    private static bool IsLike(string text, string pattern, string? escape)
    {
        var characters = text.EnumerateRunes().ToList();
        var fits = new bool[characters.Count + 1];
        fits[0] = true;
        var escaped = false;
        foreach (var rune in pattern.EnumerateRunes())
        {
            if (!escaped && escape is not null && rune.ToString() == escape)
            {
                escaped = true;
                continue;
            }

            var next = new bool[characters.Count + 1];
            var isRun = !escaped && rune.Value == '%';
            var isAny = !escaped && rune.Value == '_';
            next[0] = isRun && fits[0];
            for (var j = 1; j <= characters.Count; j++)
            {
                next[j] = isRun ? fits[j] || next[j - 1] : fits[j - 1] && (isAny || characters[j - 1] == rune);
            }

            fits = next;
            escaped = false;
        }

        return fits[characters.Count];
    }
}
