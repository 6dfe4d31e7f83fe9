using System.Text;

namespace Mamba.Broker.Selectors.Evaluation;

/// <summary>A compiled expression: a tree of nodes, the fields they read by slot, and the bytes of their literals. Immutable.</summary>
internal sealed class ExpressionProgram
{
    private readonly Node _root;

    public ExpressionProgram(Node root, IReadOnlyList<Field> fields, byte[] literals)
    {
        _root = root;
        Fields = [.. fields];
        Literals = literals;
        Properties = new NameTable(fields, FieldKind.ApplicationProperty);
        Annotations = new NameTable(fields, FieldKind.Annotation);
    }

    public Field[] Fields { get; }

    public byte[] Literals { get; }

    public NameTable Properties { get; }

    public NameTable Annotations { get; }

    public bool UsesClock { get; init; }

    public Truth Evaluate(in SelectorInput input)
    {
        Span<Value> slots = stackalloc Value[Fields.Length];
        Span<byte> scratch = stackalloc byte[Evaluation.ScratchSize];
        slots.Clear();
        var evaluation = new Evaluation(input, this, slots, scratch);
        var truth = _root.Test(ref evaluation);
        evaluation.End();
        return truth;
    }
}

/// <summary>Collects fields and literals while a program is made.</summary>
internal sealed class ProgramBuilder
{
    private readonly List<Field> _fields = [];
    private readonly MemoryStream _literals = new();

    /// <summary>The expression asks for the time.</summary>
    public bool UsesClock { get; set; }

    /// <summary>The slot of a field; the same field has one slot however often it is named. -1: there are too many.</summary>
    public int SlotOf(in Field field)
    {
        var slot = _fields.IndexOf(field);
        if (slot >= 0)
        {
            return slot;
        }

        if (_fields.Count == SelectorLimits.MaxFields)
        {
            return -1;
        }

        _fields.Add(field);
        return _fields.Count - 1;
    }

    public Value Text(string text) => Bytes(ValueKind.Text, Encoding.UTF8.GetBytes(text));

    public Value Bytes(ValueKind kind, ReadOnlySpan<byte> bytes)
    {
        var offset = (int)_literals.Length;
        _literals.Write(bytes);
        return Value.Bytes(kind, BytesOrigin.Literals, offset, bytes.Length);
    }

    public ExpressionProgram Build(Node root) => new(root, _fields, _literals.ToArray()) { UsesClock = UsesClock };
}
