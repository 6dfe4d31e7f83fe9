using Mamba.Amqp.Client;
using Mamba.Amqp.Types;
using Mamba.Tools.Model.Jms;
using Mamba.Tools.Model.Modelling;
using Mamba.Tools.Model.Sequences;

namespace Mamba.Tools.Model.Running;

/// <content>The end of a sequence: everybody goes, everything is taken out of everywhere, and nothing may be missing or too much.</content>
internal sealed partial class Player
{
    private const string DeadLetterPrefix = "DLQ.";

    private static readonly Symbol Reason = new("x-opt-dead-letter-reason");
    private static readonly Symbol Origin = new("x-opt-orig-address");
    private static readonly Symbol Count = new("x-opt-delivery-count");

    private async Task FinishAsync()
    {
        foreach (var connection in _connections.OfType<JmsConnection>().ToArray())
        {
            await CloseAsync(connection);
        }

        await TakeEverythingAsync();
        if (_broker.HasTime)
        {
            // Now also what was not due.
            const int LongestDelay = 10_000;
            _broker.Advance(LongestDelay);
            _model.Advance(LongestDelay);
            await TakeEverythingAsync();
        }

        foreach (var address in _used.Select(target => target.Address(_prefix)).Distinct().ToArray())
        {
            if (_broker.Has(Features.Outcomes))
            {
                await TakeDeadLettersAsync(DeadLetterPrefix + address, [address]);
            }
        }

        await TidyUpAsync();

        if (_temporaryAddresses.Count > 0 && _broker.HasTime)
        {
            // All temporary queues of a broker have one, which on a broker of its own is the sequence's.
            await TakeDeadLettersAsync(DeadLetterPrefix + "temporary", _temporaryAddresses);
        }
    }

    /// <summary>A broker that goes on running does not keep what a sequence made.</summary>
    private async Task TidyUpAsync()
    {
        foreach (var queue in _model.Queues.Values.Where(queue => !_broker.HasTime && queue.Name == queue.Address && !queue.IsTemporary).ToArray())
        {
            if (_broker.Has(Features.Management))
            {
                await (await ManagementAsync()).DeleteAsync(queue.Name);
            }
        }
    }

    private async Task TakeEverythingAsync()
    {
        foreach (var target in _used.ToArray())
        {
            var name = target.IsQueue() ? target.Address(_prefix) : $"{_prefix}-{target}";
            if (_model.Queues.TryGetValue(name, out var queue))
            {
                var connection = await ConnectionAsync(2);
                var link = target.IsQueue()
                    ? await connection.Own.CreateReceiverAsync(name, JmsLinks.Consumer(target, _prefix, 0, null, noLocal: false, confirmed: false))
                    : await AttachToAsync(target, queue);
                var expected = _model.Browse(queue, null).Where(entry => !_model.IsHeldUp(entry)).ToList();
                var taken = await TakeAllAsync(link, expected);
                Compare($"emptying {name}", expected, taken);
                expected.ForEach(entry => _model.Apply(entry, ModelOutcome.Accepted));
                await (target.IsDurable() ? link.DetachAsync() : link.CloseAsync());
            }
        }
    }

    /// <summary>
    /// Takes what there is, when it is at least as many as expected, or patience ends: a message whose group was another consumer's is there when what
    /// that one settled is stored. Until then everything is given back, so that what is taken is in order.
    /// </summary>
    private async Task<List<ReceivedMessage>> TakeAllAsync(AmqpReceiver link, List<ModelEntry> expected)
    {
        var patience = TimeProvider.System.GetTimestamp();
        var taken = await FetchAllAsync(link);
        while (taken.Count < expected.Count && TimeProvider.System.GetElapsedTime(patience) < _options.PatienceAtTheEnd)
        {
            foreach (var message in taken)
            {
                await link.ReleaseAsync(message);
                expected.FindAll(entry => Equals(entry.Message.Id, message.Message.Properties?.MessageId)).ForEach(static entry => entry.WasDelivered = true);
            }

            taken = await FetchAllAsync(link);
        }

        foreach (var message in taken)
        {
            await link.AcceptAsync(message);
        }

        return taken;
    }

    private static async Task<List<ReceivedMessage>> FetchAllAsync(AmqpReceiver link)
    {
        link.Grant(10_000);
        await link.DrainAsync();
        var fetched = new List<ReceivedMessage>();
        while (link.TryReceive(out var message))
        {
            fetched.Add(message);
        }

        return fetched;
    }

    /// <summary>Dead letters arrive behind what caused them: they are waited for, then compared as a set.</summary>
    private async Task TakeDeadLettersAsync(string address, IReadOnlyCollection<object?> origins)
    {
        var expected = _model.DeadLetters.Where(letter => origins.Contains(letter.Address)).OrderBy(static letter => letter.IsOptional).ToList();
        var connection = await ConnectionAsync(2);
        var options = JmsLinks.Consumer(Destination.Queue, _prefix, 0, null, noLocal: false, confirmed: false);
        var link = await connection.Own.CreateReceiverAsync(address, options);
        var taken = new List<ReceivedMessage>();
        var patience = TimeProvider.System.GetTimestamp();
        do
        {
            if (_broker.HasTime)
            {
                _broker.Advance(100);
            }

            taken.AddRange((await TakeAllAsync(link, [])).Where(message => origins.Contains(message.Message.MessageAnnotations?[Origin])));
        }
        while (taken.Count < expected.Count(static letter => !letter.IsOptional) && TimeProvider.System.GetElapsedTime(patience) < _options.Patience);

        foreach (var message in taken)
        {
            var letter = Describe(message);
            if (!expected.Remove(expected.Find(e => $"{e.Message.Id} {e.Reason} {e.Failures}" == letter)!))
            {
                throw new Difference($"'{letter}' is in {address}; expected there is [{string.Join(", ", expected)}]");
            }
        }

        expected.RemoveAll(static letter => letter.IsOptional);
        if (expected.Count > 0)
        {
            throw new Difference($"dead letters are missing in {address}: [{string.Join(", ", expected)}]");
        }

        await link.CloseAsync();
    }

    private static string Describe(ReceivedMessage received)
    {
        var message = received.Message;
        var annotations = message.MessageAnnotations ?? [];
        return $"{message.Properties?.MessageId} {annotations[Reason]} {annotations[Count]}";
    }
}
