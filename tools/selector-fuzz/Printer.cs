using System.Text;

namespace Mamba.Tools.SelectorFuzz;

/// <summary>Writes an expression as text: with the parentheses it needs, some it does not, and blanks and cases at random.</summary>
public sealed class Printer(Random random, bool sql)
{
    private readonly StringBuilder _text = new();

    public static string Print(Expression expression, Random random, bool sql)
    {
        var printer = new Printer(random, sql);
        printer.Write(expression, 0);
        return printer._text.ToString();
    }

    /// <summary>How tightly an expression binds: OR 1, AND 2, NOT 3, predicates 4, sums 5, products 6, signs 7, the rest 8.</summary>
    private static int StrengthOf(Expression expression) => expression switch
    {
        Binary { Sign: "OR" } => 1,
        Binary { Sign: "AND" } => 2,
        Unary { Sign: "NOT" } => 3,
        Binary { Sign: "+" or "-" } => 5,
        Binary { Sign: "*" or "/" or "%" } => 6,
        Unary => 7,
        Literal { Text: ['-', ..] } => 7,
        Literal or Identifier or Utc or Call => 8,
        _ => 4,
    };

    private void Write(Expression expression, int needed)
    {
        var extra = expression is not Identifier && random.Next(8) == 0;
        if (StrengthOf(expression) < needed || extra)
        {
            Sign("(");
            WriteBare(expression);
            Sign(")");
            return;
        }

        WriteBare(expression);
    }

    private void WriteBare(Expression expression)
    {
        switch (expression)
        {
            case Literal literal:
                Sign(literal.Text);
                break;
            case Identifier identifier:
                Sign(NameOf(identifier.Name));
                break;
            case Utc:
                Sign("UTC()");
                break;
            case Call call:
                Word(call.Name);
                WriteList(call.Arguments);
                break;
            case Unary { Sign: "NOT" } not:
                Word("NOT");
                Write(not.Operand, 3);
                break;
            case Unary unary:
                Sign(unary.Sign);
                Write(unary.Operand, 7);
                break;
            case Binary binary:
                WriteBinary(binary);
                break;
            default:
                WritePredicate(expression);
                break;
        }
    }

    private void WriteBinary(Binary binary)
    {
        var strength = StrengthOf(binary);
        // Left-associative, so what stands right binds tighter; comparisons do not follow one another at all.
        Write(binary.Left, strength == 4 ? 5 : strength);
        if (char.IsLetter(binary.Sign[0]))
        {
            Word(binary.Sign);
        }
        else
        {
            Sign(binary.Sign == "<>" && random.Next(3) == 0 ? "!=" : binary.Sign);
        }

        Write(binary.Right, strength is 1 or 2 ? strength : strength + 1);
    }

    private void WritePredicate(Expression expression)
    {
        switch (expression)
        {
            case IsNull isNull:
                Write(isNull.Operand, 8);
                Words(isNull.Negated, "IS", "NOT", "NULL");
                break;
            case Between between:
                Write(between.Operand, 5);
                Words(between.Negated, "", "NOT", "BETWEEN");
                Write(between.Low, 5);
                Word("AND");
                Write(between.High, 5);
                break;
            case In list:
                Write(list.Operand, sql ? 5 : 8);
                Words(list.Negated, "", "NOT", "IN");
                WriteList(list.Items);
                break;
            case Like like:
                Write(like.Operand, sql ? 5 : 8);
                Words(like.Negated, "", "NOT", "LIKE");
                Sign(Quote(like.Pattern));
                if (like.Escape is { } escape)
                {
                    Word("ESCAPE");
                    Sign(Quote(escape));
                }

                break;
            default:
                throw new ArgumentException(expression.ToString(), nameof(expression));
        }
    }

    private void WriteList(IReadOnlyList<Expression> items)
    {
        Sign("(");
        for (var i = 0; i < items.Count; i++)
        {
            Sign(i == 0 ? "" : ",");
            WriteBareOr(items[i]);
        }

        Sign(")");
    }

    /// <summary>The items of a selector's IN are strings and nothing else, not even in parentheses.</summary>
    private void WriteBareOr(Expression item)
    {
        if (sql)
        {
            Write(item, 5);
        }
        else
        {
            WriteBare(item);
        }
    }

    public static string Quote(string text) => $"'{text.Replace("'", "''")}'";

    private string NameOf(string name)
    {
        var isPlain = name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '$' or '.') || (sql && name.Contains('.') && !name.Contains(' '));
        if (isPlain && (sql || random.Next(6) != 0))
        {
            return name;
        }

        return sql ? $"[{name}]" : $"\"{name.Replace("\"", "\"\"")}\"";
    }

    private void Words(bool negated, string before, string not, string after)
    {
        Word(before);
        Word(negated ? not : "");
        Word(after);
    }

    private void Word(string word)
    {
        if (word.Length == 0)
        {
            return;
        }

        Sign(random.Next(4) switch
        {
            0 => word.ToLowerInvariant(),
            1 => string.Concat(word.Select(c => random.Next(2) == 0 ? char.ToLowerInvariant(c) : c)),
            _ => word,
        });
    }

    private void Sign(string sign)
    {
        // Between letters, digits and signs of two characters a blank is needed; elsewhere it is a matter of taste.
        if (sign.Length == 0)
        {
            return;
        }

        if (_text.Length > 0 && (random.Next(3) != 0 || Joins(_text[^1], sign[0])))
        {
            _text.Append(random.Next(10) switch { 0 => "\t", 1 => "\n", 2 => "  ", _ => " " });
        }

        _text.Append(sign);
    }

    private static bool Joins(char last, char first) =>
        (IsWordPart(last) && IsWordPart(first)) || (last == '\'' && first == '\'') || (last == '"' && first == '"')
        || (last is '<' or '>' or '!' && first is '=' or '>');

    private static bool IsWordPart(char c) => char.IsLetterOrDigit(c) || c is '_' or '$' or '.' || c > 127;
}
