using System.Text;

namespace Mamba.Broker.Engine.Tests.Duplicates;

/// <summary>Publishes with ids; the addresses that begin with "once" have a window.</summary>
internal static class DuplicateBed
{
    public static TestBed Open(int window = 1000, long seconds = 0, Func<EngineOptions, EngineOptions>? more = null) => new(options =>
    {
        options = options with { Patterns = [new NodePattern("once.#", new NodeOptions { Duplicates = new DuplicateOptions { Window = window, Seconds = seconds } })] };
        return more is null ? options : more(options);
    });

    public static DuplicateId IdOf(this IMessageNode node, string id) => node.Duplicates!.IdOf(0xa1, Encoding.UTF8.GetBytes(id));

    public static PublishRecorder Start(this TestBed bed, IMessageNode node, IReadOnlyList<(string Id, string Text)> messages, bool durable = true)
    {
        var observer = new PublishRecorder(messages.Count);
        var batch = PublishBatch.Rent();
        for (var i = 0; i < messages.Count; i++)
        {
            batch.Add(node, bed.Message(messages[i].Text, durable), observer, i, node.IdOf(messages[i].Id));
        }

        bed.Engine.Publish(batch);
        return observer;
    }

    /// <summary>Publishes one message under an id; its text is the id unless it is given.</summary>
    public static PublishOutcome Once(this TestBed bed, IMessageNode node, string id, string? text = null, bool durable = true) =>
        bed.Start(node, [(id, text ?? id)], durable).Wait()[0];

    public static PublishOutcome[] OnceEach(this TestBed bed, IMessageNode node, IEnumerable<string> ids) =>
        bed.Start(node, [.. ids.Select(static id => (id, id))]).Wait();

    public static async Task<CommitOutcome> CommitAsync(this UnitOfWork unit)
    {
        var observer = new CommitRecorder();
        unit.Commit(observer);
        return (await observer.Task).Outcome;
    }
}
