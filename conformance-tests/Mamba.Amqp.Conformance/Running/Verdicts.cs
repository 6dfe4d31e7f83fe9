namespace Mamba.Amqp.Conformance.Running;

/// <summary>What came of a case.</summary>
public enum Verdict
{
    /// <summary>Everything the case expects was seen.</summary>
    Pass,

    /// <summary>The broker did something else, or nothing in time.</summary>
    Fail,

    /// <summary>The broker does not offer what the case is about, and may do without. Never counted as passed.</summary>
    NotApplicable,
}

/// <summary>The broker did not do what the case expects.</summary>
public sealed class CheckFailedException(string message, Exception? innerException = null) : Exception(message, innerException);

/// <summary>The broker does not offer an optional part of the specification that the case needs.</summary>
public sealed class NotApplicableException(string reason) : Exception(reason);

/// <summary>What a case found, for the report.</summary>
/// <param name="Detail">Why it failed or was not applicable; null when it passed.</param>
public sealed record CaseResult(ConformanceCase Case, Verdict Verdict, string? Detail, IReadOnlyList<string> Trace, double Milliseconds);
