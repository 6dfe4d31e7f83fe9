namespace Mamba.Broker.Selectors.Evaluation;

/// <summary>What is known of a node's value before a message is there.</summary>
internal enum StaticType : byte
{
    /// <summary>An identifier: whatever the message holds.</summary>
    Any,
    Condition,
    Number,
    Text,
    Binary,
}

/// <summary>One operator, operand or literal of a compiled expression. Immutable, so an expression serves any number of threads.</summary>
internal abstract class Node
{
    /// <summary>What the node gives.</summary>
    public abstract StaticType Type { get; }

    /// <summary>Levels of nodes, this one included.</summary>
    public int Depth { get; protected init; } = 1;

    /// <summary>The value for a message.</summary>
    public abstract void Evaluate(ref Evaluation evaluation, out Value value);

    /// <summary>The value as a condition: what is neither true nor false is unknown.</summary>
    public virtual Truth Test(ref Evaluation evaluation)
    {
        Evaluate(ref evaluation, out var value);
        return value.Kind == ValueKind.Boolean ? Of(value.Bits != 0) : Truth.Unknown;
    }

    protected static Truth Of(bool value) => value ? Truth.True : Truth.False;
}

/// <summary>A node that is true, false or unknown.</summary>
internal abstract class ConditionNode : Node
{
    public sealed override StaticType Type => StaticType.Condition;

    public abstract override Truth Test(ref Evaluation evaluation);

    public sealed override void Evaluate(ref Evaluation evaluation, out Value value) => value = Value.Of(Test(ref evaluation));
}

/// <summary>A literal.</summary>
internal sealed class LiteralNode(Value literal) : Node
{
    public Value Literal => literal;

    public override StaticType Type => literal.Kind switch
    {
        ValueKind.Boolean => StaticType.Condition,
        ValueKind.Text => StaticType.Text,
        ValueKind.Binary => StaticType.Binary,
        ValueKind.Null => StaticType.Any,
        _ => StaticType.Number,
    };

    public override void Evaluate(ref Evaluation evaluation, out Value value) => value = literal;
}

/// <summary>An identifier.</summary>
internal sealed class FieldNode(int slot) : Node
{
    public override StaticType Type => StaticType.Any;

    public override void Evaluate(ref Evaluation evaluation, out Value value) => evaluation.Load(slot, out value);
}

/// <summary>UTC(): Unix milliseconds now.</summary>
internal sealed class UtcNode : Node
{
    public override StaticType Type => StaticType.Number;

    public override void Evaluate(ref Evaluation evaluation, out Value value) => value = Value.Of(evaluation.Now);
}
