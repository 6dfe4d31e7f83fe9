using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Conformance.Running;

/// <summary>What a case expects. Every failure says what was expected and what came.</summary>
public static class Check
{
    public static void That([DoesNotReturnIf(false)] bool holds, string expectation)
    {
        if (!holds)
        {
            throw new CheckFailedException($"expected: {expectation}");
        }
    }

    /// <summary>Equal by AMQP type and contents.</summary>
    public static void Equal(object? actual, object? expected, [CallerArgumentExpression(nameof(actual))] string what = "")
    {
        if (!AmqpValue.Equals(actual, expected))
        {
            throw new CheckFailedException($"expected {what} to be {Text(expected)}, and it is {Text(actual)}");
        }
    }

    /// <summary>Not null, and returned.</summary>
    public static T Present<T>([NotNull] T? value, [CallerArgumentExpression(nameof(value))] string what = "")
        where T : class => value ?? throw new CheckFailedException($"expected {what}, and there is none");

    /// <summary>Not null, and returned.</summary>
    public static T Present<T>([NotNull] T? value, [CallerArgumentExpression(nameof(value))] string what = "")
        where T : struct => value ?? throw new CheckFailedException($"expected {what}, and there is none");

    /// <summary>Of a type, and returned.</summary>
    public static T Is<T>(object? value, [CallerArgumentExpression(nameof(value))] string what = "") =>
        value is T typed ? typed : throw new CheckFailedException($"expected {what} to be {typeof(T).Name}, and it is {Text(value)}");

    /// <summary>An error with one of these conditions.</summary>
    public static void Condition(AmqpError? error, params Symbol[] allowed)
    {
        if (error is null)
        {
            throw new CheckFailedException($"expected an error ({string.Join(" or ", allowed)}), and there is none");
        }

        if (allowed.Length > 0 && !allowed.Contains(error.Condition))
        {
            throw new CheckFailedException($"expected the condition {string.Join(" or ", allowed)}, and {error} came");
        }
    }

    /// <summary>No error: the text of the failure has it.</summary>
    public static void NoError(AmqpError? error)
    {
        if (error is not null)
        {
            throw new CheckFailedException($"expected no error, and {error} came");
        }
    }

    private static string Text(object? value) =>
        value is null ? "null" : $"{AmqpValue.ToString(value)} ({value.GetType().Name})";
}
