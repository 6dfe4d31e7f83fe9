namespace Mamba.Amqp.Client;

/// <summary>Completion sources whose failure nobody may be waiting for.</summary>
internal static class AmqpTasks
{
    /// <summary>Fails the task and marks the exception as seen, so that it is no unobserved one if nobody awaits it.</summary>
    public static void Fail(TaskCompletionSource source, Exception cause)
    {
        if (source.TrySetException(cause))
        {
            _ = source.Task.Exception;
        }
    }

    /// <inheritdoc cref="Fail(TaskCompletionSource,Exception)"/>
    public static void Fail<T>(TaskCompletionSource<T> source, Exception cause)
    {
        if (source.TrySetException(cause))
        {
            _ = source.Task.Exception;
        }
    }
}
