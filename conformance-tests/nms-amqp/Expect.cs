using Apache.NMS;

namespace Mamba.NmsAmqp.Cases;

/// <summary>What cases expect was not so.</summary>
internal sealed class ExpectationException(string message) : Exception(message);

/// <summary>What cases expect. Every failure says what was expected and what came.</summary>
internal static class Expect
{
    /// <summary>How long a message that has to come may take.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>How long a consumer is listened to where nothing may come.</summary>
    public static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(300);

    /// <summary>How long one of several consumers is listened to before the next has its turn.</summary>
    public static readonly TimeSpan Turn = TimeSpan.FromMilliseconds(50);

    public static void Equal<T>(string subject, T expected, T actual)
    {
        if (!EqualityComparer<T>.Default.Equals(expected, actual))
        {
            throw new ExpectationException($"{subject}: expected {expected}, but it is {actual}");
        }
    }

    public static void That(string expectation, bool holds, object? actual)
    {
        if (!holds)
        {
            throw new ExpectationException($"expected {expectation}, but it is {actual ?? "null"}");
        }
    }

    /// <summary>The next message, which has to come, and to be of this kind.</summary>
    public static T Next<T>(IMessageConsumer consumer, string expectation)
        where T : class, IMessage => consumer.Receive(Patience) switch
        {
            T message => message,
            null => throw new ExpectationException($"expected {expectation}, but nothing came within {Patience.TotalSeconds} s"),
            var other => throw new ExpectationException($"expected {expectation}, but it is {Describe(other)}"),
        };

    /// <summary>The next message, which has to be a text message of this text.</summary>
    public static ITextMessage NextText(IMessageConsumer consumer, string text)
    {
        var message = Next<ITextMessage>(consumer, $"the message '{text}'");
        Equal("text of the next message", text, message.Text);
        return message;
    }

    /// <summary>The next message, which has to be of this text, and to come anew or again; the client tells no count.</summary>
    public static ITextMessage NextText(IMessageConsumer consumer, string text, bool redelivered)
    {
        var message = NextText(consumer, text);
        Equal($"NMSRedelivered of '{text}'", redelivered, message.NMSRedelivered);
        return message;
    }

    public static void NothingMore(IMessageConsumer consumer)
    {
        if (consumer.Receive(Quiet) is { } message)
        {
            throw new ExpectationException($"expected no further message, but there is {Describe(message)}");
        }
    }

    public static T Thrown<T>(string by, Action action)
        where T : Exception
    {
        try
        {
            action();
        }
        catch (T expected)
        {
            return expected;
        }
        catch (Exception other)
        {
            throw new ExpectationException($"{by}: expected {typeof(T).Name}, but it threw {other.GetType().Name}: {other.Message}");
        }

        throw new ExpectationException($"{by}: expected {typeof(T).Name}, but nothing was thrown");
    }

    private static string Describe(IMessage message) =>
        $"{message.GetType().Name} {message.NMSMessageId}{(message is ITextMessage text ? $" '{text.Text}'" : "")}";
}
