using Mamba.Amqp.Types;

namespace Mamba.Amqp.Transport;

public sealed partial class AmqpError
{
    /// <summary>Creates an error without a condition; set <see cref="Condition"/> before it is written.</summary>
    public AmqpError()
    {
    }

    /// <summary>Creates an error.</summary>
    /// <param name="condition">One of <see cref="ErrorCondition"/>, or a symbol of one's own.</param>
    /// <param name="description">Text for a person: what failed, why, what to do.</param>
    /// <param name="info">Details by name (symbol keys), or null.</param>
    public AmqpError(Symbol condition, string? description = null, AmqpMap? info = null)
    {
        Condition = condition;
        Description = description;
        Info = info;
    }
}
