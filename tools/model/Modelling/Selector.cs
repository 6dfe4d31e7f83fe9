namespace Mamba.Tools.Model.Modelling;

/// <summary>A selector as the broker is given it, and the same in C#: null stands for unknown, which does not match.</summary>
internal sealed record Selector(string Text, Func<ModelMessage, bool?> Evaluate)
{
    /// <summary>The selectors of the sequences; an operation names one by its place.</summary>
    public static readonly IReadOnlyList<Selector> All =
    [
        new("color = 'red'", static m => Is(m, "red")),
        new("color <> 'red'", static m => !Is(m, "red")),
        new("amount > 5", static m => m.Amount > 5),
        new("amount BETWEEN 2 AND 6 OR color IS NULL", static m => m.Amount is >= 2 and <= 6 || m.Color is null),
        new("JMSPriority >= 5", static m => m.Priority >= 5),
        new("JMSDeliveryMode = 'PERSISTENT'", static m => m.Durable),
        new("JMSType LIKE 'a%'", static m => m.Type.StartsWith('a')),
        new("NOT (color = 'red') AND amount + 1 <= 8", static m => m.Color is null ? (m.Amount + 1 <= 8 ? null : false) : m.Color != "red" && m.Amount + 1 <= 8),
        new("JMSXDeliveryCount > 1 OR amount < 3", static m => m.Amount < 3) { TakesRedelivered = true },
    ];

    /// <summary>It matches whatever failed before.</summary>
    public bool TakesRedelivered { get; init; }

    public bool Matches(ModelMessage message, int failures = 0) => (TakesRedelivered && failures > 0) || Evaluate(message) == true;

    private static bool? Is(ModelMessage message, string color) => message.Color is null ? null : message.Color == color;
}
