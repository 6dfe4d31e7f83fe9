using Mamba.Tools.Model.Modelling;
using Mamba.Tools.Model.Running;
using Mamba.Tools.Model.Sequences;

namespace Mamba.Tools.Model.Tests;

/// <summary>A sequence written by hand. Consumer n is in session n.</summary>
internal sealed class Script
{
    private readonly List<Operation> _operations = [];

    public IReadOnlyList<Operation> Operations => _operations;

    public Script Send(byte priority = 4, string? group = null, int ttl = 0, bool durable = true, string? color = null, AckMode mode = AckMode.Auto, Destination to = Destination.Plain) =>
        Add(OperationKind.Send, o => o with
        {
            Session = 5, Mode = mode, Destination = to, Priority = priority, Group = group, Ttl = ttl, Durable = durable, Color = color, Amount = 3, Type = "alpha",
        });

    public Script Consume(int consumer, AckMode mode, int prefetch = 5, string? selector = null, Destination from = Destination.Plain) =>
        Add(OperationKind.Consume, o => o with
        {
            Session = consumer, Consumer = consumer, Mode = mode, Prefetch = prefetch, Destination = from,
            Selector = selector is null ? -1 : Selector.All.ToList().FindIndex(s => s.Text == selector),
        });

    public Script Do(OperationKind kind, int slot = 0, Destination on = Destination.Plain, bool flag = false, int which = 0) =>
        Add(kind, o => o with { Session = slot, Consumer = slot, Destination = on, Flag = flag, Which = which });

    /// <summary>Plays it on a broker of its own: the difference, or null.</summary>
    public async Task<string?> PlayAsync(Rules rules, PlayerOptions? options = null)
    {
        await using var broker = OwnBroker.Start();
        await using var player = new Player(broker, "script", rules, options ?? new PlayerOptions());
        try
        {
            await player.PlayAsync(_operations);
            return null;
        }
        catch (Difference difference)
        {
            return difference.Message;
        }
    }

    private Script Add(OperationKind kind, Func<Operation, Operation> with)
    {
        _operations.Add(with(new Operation(_operations.Count + 1, kind)));
        return this;
    }
}
