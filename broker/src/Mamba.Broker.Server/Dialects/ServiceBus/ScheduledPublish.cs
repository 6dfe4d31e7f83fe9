using Mamba.Amqp.Transport;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Links;
using Mamba.Broker.Server.Messages;

namespace Mamba.Broker.Server.Dialects.ServiceBus;

/// <summary>Publishes messages off any link, and learns their numbers. For one publication.</summary>
internal sealed class ScheduledPublish(MessageEngine engine, IMessageNode node) : IPublishObserver
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly MessageNumbers _numbers = new();
    private int _pending;
    private AmqpError? _failed;

    /// <summary>Stores messages, whose references stay the caller's; completes when they are on disk.</summary>
    /// <returns>The number of the first, those of the others follow it; 0 where a divert stores them elsewhere. Or why one was refused: then none stays.</returns>
    public async Task<(ulong First, AmqpError? Failed)> PublishAsync(List<StoredMessage> messages)
    {
        if (messages.Count == 0)
        {
            return (0, null);
        }

        var batch = PublishBatch.Rent();
        batch.Numbers = _numbers;
        _pending = messages.Count;
        for (var i = 0; i < messages.Count; i++)
        {
            messages[i].AddReference();
            batch.Add(node, messages[i], this, i, node.Duplicates is { } window ? DuplicateIdentity.Read(messages[i], window) : default);
        }

        engine.Publish(batch);
        await _done.Task;
        var first = _numbers.First;
        if (_failed is not null && first != 0)
        {
            for (var i = 0; i < messages.Count; i++)
            {
                await engine.CancelScheduledAsync(first + (ulong)i, node.Address);
            }
        }

        return (first, _failed);
    }

    /// <summary>Any thread.</summary>
    public void OnPublished(ReadOnlySpan<PublishResult> results)
    {
        foreach (var result in results)
        {
            _failed ??= Refusal.From(result.Outcome, node.Address);
        }

        if (Interlocked.Add(ref _pending, -results.Length) == 0)
        {
            _done.TrySetResult();
        }
    }
}
