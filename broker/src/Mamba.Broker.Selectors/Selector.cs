using Mamba.Amqp.Transport;
using Mamba.Broker.Selectors.Evaluation;
using Mamba.Broker.Selectors.Parsing;

namespace Mamba.Broker.Selectors;

/// <summary>
/// A compiled condition on messages. It reads of a message what it is asked about and no more, without decoding it, and allocates
/// nothing (message ids that are neither strings nor short may borrow a buffer). What it costs is bounded by
/// <see cref="SelectorLimits"/>. Thread-safe.
/// </summary>
public sealed class Selector
{
    private readonly ExpressionProgram? _program;

    internal Selector(ExpressionProgram? program) => _program = program;

    /// <summary>Compiles an expression; a blank one matches every message.</summary>
    /// <exception cref="SelectorException">The expression cannot be understood, or passes a limit; says where.</exception>
    public static Selector Parse(string expression, SelectorDialect dialect = SelectorDialect.Jms)
    {
        ArgumentNullException.ThrowIfNull(expression);
        var builder = new ProgramBuilder();
        return Parser.Parse(expression, dialect, builder) is { } root ? new Selector(builder.Build(root)) : new Selector(program: null);
    }

    /// <summary>True when the condition asks for the time (<c>UTC()</c>), which <see cref="SelectorInput.Now"/> must then hold.</summary>
    public bool UsesClock => _program is { UsesClock: true };

    /// <summary>True when the condition is true of the message. Never throws: what cannot be read matches nothing.</summary>
    public bool Matches(in SelectorInput message) => Evaluate(message) == Truth.True;

    /// <summary>Whether the condition is true, false or unknown of the message.</summary>
    public Truth Evaluate(in SelectorInput message)
    {
        if (_program is null)
        {
            return Truth.True;
        }

        try
        {
            return _program.Evaluate(message);
        }
        catch (AmqpException)
        {
            // The bytes were checked when they came in, so this is a message of another making; nothing is known of it.
            return Truth.Unknown;
        }
    }
}
