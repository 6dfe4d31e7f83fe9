namespace Mamba.Broker.Selectors.Evaluation;

internal enum Comparison : byte
{
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// <summary>
/// How values compare (Jakarta Messaging 3.1 §3.8.1.2). With a missing one: unknown. Values of unlike types: false, whatever the
/// operator. Numbers as Java promotes them. Strings and booleans for equality only, unless the dialect orders strings too.
/// </summary>
internal static class Comparer
{
    public static Truth Compare(ref Evaluation evaluation, in Value left, Comparison comparison, in Value right, bool ordersTexts)
    {
        if (left.Kind == ValueKind.Exact && right.Kind == ValueKind.Exact)
        {
            return Of(Holds(comparison, left.Bits.CompareTo(right.Bits)));
        }

        if (left.Kind == ValueKind.Null || right.Kind == ValueKind.Null)
        {
            return Truth.Unknown;
        }

        if (left.IsNumber && right.IsNumber)
        {
            return Of(Holds(comparison, left.AsDouble, right.AsDouble));
        }

        if (left.HasBytes && right.HasBytes)
        {
            return CompareBytes(ref evaluation, left, comparison, right, ordersTexts);
        }

        return left.Kind == ValueKind.Boolean && right.Kind == ValueKind.Boolean && IsEquality(comparison)
            ? Of((left.Bits == right.Bits) == (comparison == Comparison.Equal))
            : Truth.False;
    }

    private static Truth CompareBytes(ref Evaluation evaluation, in Value left, Comparison comparison, in Value right, bool ordersTexts)
    {
        // A user-id is text here and a binary literal there: the draft has no other literal for it.
        if (left.Kind != right.Kind && !(ordersTexts && IsEquality(comparison)))
        {
            return Truth.False;
        }

        var first = evaluation.BytesOf(left);
        var second = evaluation.BytesOf(right);
        if (IsEquality(comparison))
        {
            return Of(first.SequenceEqual(second) == (comparison == Comparison.Equal));
        }

        // UTF-8 bytes are ordered as the code points are.
        return ordersTexts && left.Kind == ValueKind.Text ? Of(Holds(comparison, first.SequenceCompareTo(second))) : Truth.False;
    }

    private static bool IsEquality(Comparison comparison) => comparison is Comparison.Equal or Comparison.NotEqual;

    private static bool Holds(Comparison comparison, int order) => comparison switch
    {
        Comparison.Equal => order == 0,
        Comparison.NotEqual => order != 0,
        Comparison.Less => order < 0,
        Comparison.LessOrEqual => order <= 0,
        Comparison.Greater => order > 0,
        _ => order >= 0,
    };

    // Not by CompareTo: nothing but <> holds for a NaN.
    private static bool Holds(Comparison comparison, double left, double right) => comparison switch
    {
        Comparison.Equal => left == right,
        Comparison.NotEqual => left != right,
        Comparison.Less => left < right,
        Comparison.LessOrEqual => left <= right,
        Comparison.Greater => left > right,
        _ => left >= right,
    };

    private static Truth Of(bool value) => value ? Truth.True : Truth.False;
}

/// <summary>One of the six comparisons.</summary>
internal sealed class ComparisonNode : ConditionNode
{
    private readonly Node _left;
    private readonly Node _right;
    private readonly Comparison _comparison;
    private readonly bool _ordersTexts;

    public ComparisonNode(Node left, Comparison comparison, Node right, bool ordersTexts)
    {
        _left = left;
        _comparison = comparison;
        _right = right;
        _ordersTexts = ordersTexts;
        Depth = 1 + Math.Max(left.Depth, right.Depth);
    }

    public override Truth Test(ref Evaluation evaluation)
    {
        _left.Evaluate(ref evaluation, out var left);
        _right.Evaluate(ref evaluation, out var right);
        return Comparer.Compare(ref evaluation, left, _comparison, right, _ordersTexts);
    }
}

/// <summary>
/// <c>x BETWEEN a AND b</c> is <c>x &gt;= a AND x &lt;= b</c>; <c>x NOT BETWEEN a AND b</c> is <c>x &lt; a OR x &gt; b</c>, which of an
/// unlike type is not the opposite.
/// </summary>
internal sealed class BetweenNode : ConditionNode
{
    private readonly Node _operand;
    private readonly Node _low;
    private readonly Node _high;
    private readonly bool _negated;
    private readonly bool _ordersTexts;

    public BetweenNode(Node operand, Node low, Node high, bool negated, bool ordersTexts)
    {
        _operand = operand;
        _low = low;
        _high = high;
        _negated = negated;
        _ordersTexts = ordersTexts;
        Depth = 1 + Math.Max(operand.Depth, Math.Max(low.Depth, high.Depth));
    }

    public override Truth Test(ref Evaluation evaluation)
    {
        _operand.Evaluate(ref evaluation, out var value);
        _low.Evaluate(ref evaluation, out var low);
        _high.Evaluate(ref evaluation, out var high);
        var first = Comparer.Compare(ref evaluation, value, _negated ? Comparison.Less : Comparison.GreaterOrEqual, low, _ordersTexts);
        var second = Comparer.Compare(ref evaluation, value, _negated ? Comparison.Greater : Comparison.LessOrEqual, high, _ordersTexts);
        var decisive = _negated ? Truth.True : Truth.False;
        if (first == decisive || second == decisive)
        {
            return decisive;
        }

        return first == Truth.Unknown || second == Truth.Unknown ? Truth.Unknown : first;
    }
}

/// <summary>IN a list of any expressions, as SQL filters have it: one is equal, else unknown when one is.</summary>
internal sealed class InListNode : ConditionNode
{
    private readonly Node _operand;
    private readonly Node[] _items;

    public InListNode(Node operand, IReadOnlyList<Node> items)
    {
        _operand = operand;
        _items = [.. items];
        Depth = 1 + Math.Max(operand.Depth, items.Max(i => i.Depth));
    }

    public override Truth Test(ref Evaluation evaluation)
    {
        _operand.Evaluate(ref evaluation, out var value);
        var truth = Truth.False;
        foreach (var item in _items)
        {
            item.Evaluate(ref evaluation, out var other);
            var one = Comparer.Compare(ref evaluation, value, Comparison.Equal, other, ordersTexts: true);
            if (one == Truth.True)
            {
                return Truth.True;
            }

            truth = one == Truth.Unknown ? Truth.Unknown : truth;
        }

        return truth;
    }
}
