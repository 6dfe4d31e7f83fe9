namespace Mamba.Broker.Selectors.Evaluation;

internal enum Operation : byte
{
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// <summary>
/// Arithmetic with Java's promotion: of two exact operands exact (a long, wrapping around), else of doubles. A missing operand, one
/// that is no number, and a division by zero give null. The remainder is of exact operands only.
/// </summary>
internal sealed class ArithmeticNode : Node
{
    private readonly Node _left;
    private readonly Node _right;
    private readonly Operation _operation;

    public ArithmeticNode(Node left, Operation operation, Node right)
    {
        _left = left;
        _operation = operation;
        _right = right;
        Depth = 1 + Math.Max(left.Depth, right.Depth);
    }

    public override StaticType Type => StaticType.Number;

    public override void Evaluate(ref Evaluation evaluation, out Value value)
    {
        _left.Evaluate(ref evaluation, out value);
        if (!value.IsNumber)
        {
            value = Value.Null;
            return;
        }

        _right.Evaluate(ref evaluation, out var right);
        value = (value.Kind, right.Kind) switch
        {
            (ValueKind.Exact, ValueKind.Exact) => OfExact(value.Bits, right.Bits),
            (_, ValueKind.Exact or ValueKind.Approximate) => OfApproximate(value.AsDouble, right.AsDouble),
            _ => Value.Null,
        };
    }

    private Value OfExact(long left, long right)
    {
        unchecked
        {
            return _operation switch
            {
                Operation.Add => Value.Of(left + right),
                Operation.Subtract => Value.Of(left - right),
                Operation.Multiply => Value.Of(left * right),
                _ when right == 0 => Value.Null,
                // The one quotient that is no long wraps around in Java, and traps here.
                Operation.Divide => Value.Of(right == -1 ? -left : left / right),
                _ => Value.Of(right == -1 ? 0L : left % right),
            };
        }
    }

    private Value OfApproximate(double left, double right) => _operation switch
    {
        Operation.Add => Value.Of(left + right),
        Operation.Subtract => Value.Of(left - right),
        Operation.Multiply => Value.Of(left * right),
        Operation.Divide when right != 0 => Value.Of(left / right),
        _ => Value.Null,
    };
}

/// <summary>A sign in front of something: minus negates, plus asks for a number only.</summary>
internal sealed class SignNode : Node
{
    private readonly Node _operand;
    private readonly bool _negates;

    public SignNode(Node operand, bool negates)
    {
        _operand = operand;
        _negates = negates;
        Depth = 1 + operand.Depth;
    }

    public override StaticType Type => StaticType.Number;

    public override void Evaluate(ref Evaluation evaluation, out Value value)
    {
        _operand.Evaluate(ref evaluation, out value);
        value = value.Kind switch
        {
            ValueKind.Exact => Value.Of(_negates ? unchecked(-value.Bits) : value.Bits),
            ValueKind.Approximate => Value.Of(_negates ? -value.AsDouble : value.AsDouble),
            _ => Value.Null,
        };
    }
}
