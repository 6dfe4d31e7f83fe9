namespace Mamba.Broker.Selectors;

/// <summary>An expression or filter that cannot be used. The message says where, what was found and what was expected.</summary>
public sealed class SelectorException : Exception
{
    /// <summary>Creates the exception for a place in an expression.</summary>
    /// <param name="position">Where, in UTF-16 units from 0.</param>
    /// <param name="fault">What is wrong there.</param>
    public SelectorException(int position, string fault)
        : base($"at character {position + 1}: {fault}") => Position = position;

    /// <summary>Creates the exception for a filter that has no text to point into.</summary>
    public SelectorException(string fault)
        : base(fault) => Position = -1;

    /// <summary>Creates an exception without details.</summary>
    public SelectorException()
        : this("The selector cannot be used.")
    {
    }

    /// <summary>Creates an exception with a cause.</summary>
    public SelectorException(string fault, Exception cause)
        : base(fault, cause) => Position = -1;

    /// <summary>Where in the expression, in UTF-16 units from 0; -1 when it is about no place.</summary>
    public int Position { get; }
}
