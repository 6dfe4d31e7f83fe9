namespace Mamba.Broker.Selectors.Evaluation;

/// <summary>
/// AND or OR of two or more: one operand that is false (AND) or true (OR) decides; else it is unknown when one is (Jakarta
/// Messaging 3.1 §3.8.1.2, table 3-4).
/// </summary>
internal sealed class JunctionNode : ConditionNode
{
    private readonly Node[] _operands;
    private readonly Truth _decides;
    private readonly Truth _otherwise;

    private JunctionNode(IReadOnlyList<Node> operands, Truth decides, Truth otherwise)
    {
        _operands = [.. operands];
        _decides = decides;
        _otherwise = otherwise;
        Depth = 1 + operands.Max(o => o.Depth);
    }

    public static JunctionNode And(IReadOnlyList<Node> operands) => new(operands, decides: Truth.False, otherwise: Truth.True);

    public static JunctionNode Or(IReadOnlyList<Node> operands) => new(operands, decides: Truth.True, otherwise: Truth.False);

    public override Truth Test(ref Evaluation evaluation)
    {
        var truth = _otherwise;
        foreach (var operand in _operands)
        {
            var one = operand.Test(ref evaluation);
            if (one == _decides)
            {
                return one;
            }

            truth = one == Truth.Unknown ? Truth.Unknown : truth;
        }

        return truth;
    }
}

/// <summary>NOT; of unknown it is unknown.</summary>
internal sealed class NotNode : ConditionNode
{
    private readonly Node _operand;

    public NotNode(Node operand)
    {
        _operand = operand;
        Depth = 1 + operand.Depth;
    }

    public override Truth Test(ref Evaluation evaluation) => _operand.Test(ref evaluation) switch
    {
        Truth.True => Truth.False,
        Truth.False => Truth.True,
        _ => Truth.Unknown,
    };
}

/// <summary>IS NULL: always known.</summary>
internal sealed class IsNullNode : ConditionNode
{
    private readonly Node _operand;

    public IsNullNode(Node operand)
    {
        _operand = operand;
        Depth = 1 + operand.Depth;
    }

    public override Truth Test(ref Evaluation evaluation)
    {
        _operand.Evaluate(ref evaluation, out var value);
        return Of(value.Kind == ValueKind.Null);
    }
}

/// <summary>IN a list of strings. A value of another type is unlike each of them.</summary>
internal sealed class InTextsNode : ConditionNode
{
    private readonly Node _operand;
    private readonly ByteStringSet _texts;

    public InTextsNode(Node operand, ByteStringSet texts)
    {
        _operand = operand;
        _texts = texts;
        Depth = 1 + operand.Depth;
    }

    public override Truth Test(ref Evaluation evaluation)
    {
        _operand.Evaluate(ref evaluation, out var value);
        return value.Kind switch
        {
            ValueKind.Null => Truth.Unknown,
            ValueKind.Text => Of(_texts.Contains(evaluation.BytesOf(value))),
            _ => Truth.False,
        };
    }
}

/// <summary>LIKE. A value that is no string is like no pattern.</summary>
internal sealed class LikeNode : ConditionNode
{
    private readonly Node _operand;
    private readonly LikePattern _pattern;

    public LikeNode(Node operand, LikePattern pattern)
    {
        _operand = operand;
        _pattern = pattern;
        Depth = 1 + operand.Depth;
    }

    public override Truth Test(ref Evaluation evaluation)
    {
        _operand.Evaluate(ref evaluation, out var value);
        return value.Kind switch
        {
            ValueKind.Null => Truth.Unknown,
            ValueKind.Text => Of(_pattern.Matches(evaluation.BytesOf(value))),
            _ => Truth.False,
        };
    }
}
