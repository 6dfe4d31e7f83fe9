using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <content>Exchanges and bindings: made, found, ended.</content>
public sealed partial class MessageEngine
{
    /// <summary>Exchanges that there can be.</summary>
    private const int MaxExchanges = 10_000;

    /// <summary>Bindings that there can be.</summary>
    private const int MaxBindings = 100_000;

    /// <summary>The exchange of that name, or null.</summary>
    public ExchangeOptions? FindExchange(string name) => _context.Exchanges.Find(name);

    /// <summary>All exchanges at this moment, in no order.</summary>
    public IReadOnlyList<ExchangeOptions> ListExchanges() => _context.Exchanges.ListExchanges();

    /// <summary>Where messages for an exchange with a routing key are published; null when there is no such exchange.</summary>
    public IMessageNode? FindRoute(string exchange, string key) => _context.Exchanges.Find(exchange) is null ? null : new ExchangeNode(_context, exchange, key);

    /// <summary>The bindings of an exchange, in the order they were made.</summary>
    public IReadOnlyList<BindingOptions> ListBindings(string exchange) => _context.Exchanges.ListBindings(exchange);

    /// <summary>Makes an exchange, unless there is the same one. A durable one is on disk before the task completes.</summary>
    /// <exception cref="EngineException"><see cref="EngineError.Mismatch"/> when there is another of that name; <see cref="EngineError.LimitExceeded"/>.</exception>
    public async Task DeclareExchangeAsync(ExchangeOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        await _definitionGate.WaitAsync();
        try
        {
            if (_context.Exchanges.Find(options.Name) is { } there)
            {
                CheckSame(there, options);
                return;
            }

            if (_context.Exchanges.ListExchanges().Length >= MaxExchanges)
            {
                throw new EngineException(EngineError.LimitExceeded, $"There are {MaxExchanges} exchanges, which is the limit; delete some.");
            }

            if (options.Durable)
            {
                await AppendDefinitionAsync(batch => ExchangeOperation.Write(batch, options, gone: false));
            }

            _context.Exchanges.Add(options);
        }
        finally
        {
            _definitionGate.Release();
        }
    }

    /// <summary>Ends an exchange with its bindings, on disk before the task completes; nothing happens when there is none.</summary>
    /// <exception cref="EngineException"><see cref="EngineError.NotAllowed"/> for those that are always there.</exception>
    public async Task DeleteExchangeAsync(string name)
    {
        await _definitionGate.WaitAsync();
        try
        {
            if (_context.Exchanges.Find(name) is { } exchange)
            {
                if (ExchangeDirectory.IsBuiltIn(name))
                {
                    throw new EngineException(EngineError.NotAllowed, $"The exchange '{name}' is always there and cannot be deleted.");
                }

                await EndAsync([exchange], _context.Exchanges.ListBindings(binding => binding.Exchange == name || (binding.ToExchange && binding.Destination == name)));
            }
        }
        finally
        {
            _definitionGate.Release();
        }
    }

    /// <summary>Makes a binding, unless there is the same one. On disk before the task completes when both its ends are durable.</summary>
    /// <exception cref="EngineException"><see cref="EngineError.NotAllowed"/> when one of its ends is missing, or the filter cannot be;
    /// <see cref="EngineError.LimitExceeded"/>.</exception>
    public async Task BindAsync(BindingOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        await _definitionGate.WaitAsync();
        try
        {
            var isDurable = IsDurable(options) ?? throw new EngineException(
                EngineError.NotAllowed,
                _context.Exchanges.Find(options.Exchange) is null ? $"no exchange '{options.Exchange}'; declare it first"
                : $"no {(options.ToExchange ? "exchange" : "queue")} '{options.Destination}'; declare it first");
            if (Array.IndexOf(_context.Exchanges.ListBindings(options.Exchange), options) >= 0)
            {
                return;
            }

            if (_context.Exchanges.BindingCount >= MaxBindings)
            {
                throw new EngineException(EngineError.LimitExceeded, $"There are {MaxBindings} bindings, which is the limit; delete some.");
            }

            var filter = options.Filter.IsEmpty ? null : _context.Annotator.RestoreFilter(options.Filter);
            if (isDurable)
            {
                await AppendDefinitionAsync(batch => ExchangeOperation.Write(batch, options, gone: false));
            }

            _context.Exchanges.Add(options, filter);
        }
        finally
        {
            _definitionGate.Release();
        }
    }

    /// <summary>Ends a binding, on disk before the task completes; nothing happens when there is none.</summary>
    public async Task UnbindAsync(BindingOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        await _definitionGate.WaitAsync();
        try
        {
            if (Array.IndexOf(_context.Exchanges.ListBindings(options.Exchange), options) >= 0)
            {
                await EndAsync([], [options]);
            }
        }
        finally
        {
            _definitionGate.Release();
        }
    }

    private static void CheckSame(ExchangeOptions there, ExchangeOptions wanted)
    {
        if (there != wanted)
        {
            var (name, received, current) = there.Type != wanted.Type ? ("type", wanted.Type.ToString(), there.Type.ToString())
                : there.Durable != wanted.Durable ? ("durable", $"{wanted.Durable}", $"{there.Durable}")
                : there.AutoDelete != wanted.AutoDelete ? ("auto_delete", $"{wanted.AutoDelete}", $"{there.AutoDelete}")
                : ("internal", $"{wanted.Internal}", $"{there.Internal}");
            throw new EngineException(
                EngineError.Mismatch,
                $"exchange '{there.Name}' is there with other settings: inequivalent arg '{name}': received '{received.ToLowerInvariant()}' but current is '{current.ToLowerInvariant()}'; "
                + "declare it as it is, or delete it first");
        }
    }

    /// <summary>Whether a binding survives a restart; null when one of its ends is missing.</summary>
    private bool? IsDurable(BindingOptions binding)
    {
        bool? destination = binding.ToExchange ? _context.Exchanges.Find(binding.Destination)?.Durable
            : _nodes.GetValueOrDefault(binding.Destination) is QueueNode queue ? queue.Options.Durable && !queue.IsTemporary
            : null;
        return _context.Exchanges.Find(binding.Exchange)?.Durable & destination;
    }

    /// <summary>
    /// Ends exchanges and bindings, and with them the exchanges that go with their last binding, by one journal record. The definition gate is held.
    /// </summary>
    private async Task EndAsync(List<ExchangeOptions> exchanges, IEnumerable<BindingOptions> ended)
    {
        var bindings = new HashSet<BindingOptions>(ended);
        var unused = new Queue<string>(bindings.Select(static binding => binding.Exchange).Distinct(StringComparer.Ordinal));
        while (unused.TryDequeue(out var name))
        {
            if (_context.Exchanges.Find(name) is { AutoDelete: true } source && !exchanges.Contains(source)
                && Array.TrueForAll(_context.Exchanges.ListBindings(name), bindings.Contains))
            {
                exchanges.Add(source);
                foreach (var binding in _context.Exchanges.ListBindings(binding => binding.ToExchange && binding.Destination == name))
                {
                    bindings.Add(binding);
                    unused.Enqueue(binding.Exchange);
                }
            }
        }

        var durable = bindings.Where(binding => IsDurable(binding) == true).ToList();
        if (durable.Count > 0 || exchanges.Exists(static exchange => exchange.Durable))
        {
            await AppendDefinitionAsync(batch =>
            {
                durable.ForEach(binding => ExchangeOperation.Write(batch, binding, gone: true));
                exchanges.FindAll(static exchange => exchange.Durable).ForEach(exchange => ExchangeOperation.Write(batch, exchange, gone: true));
            });
        }

        _context.Exchanges.Remove(exchanges.ConvertAll(static exchange => exchange.Name), bindings);
    }

    /// <summary>A queue is about to go, and the bindings to it with it. The definition gate is held.</summary>
    private async ValueTask UnbindQueueAsync(string address)
    {
        if (_context.Exchanges.BindingCount > 0 && _context.Exchanges.ListBindings(binding => binding.LeadsTo(address)) is { Length: > 0 } bindings)
        {
            await EndAsync([], bindings);
        }
    }

    /// <summary>A temporary queue has gone. Its bindings are in memory only; an exchange that goes with the last of them may be on disk.</summary>
    private void UnbindTemporary(string address)
    {
        if (_context.Exchanges.BindingCount == 0 || _context.Exchanges.ListBindings(binding => binding.LeadsTo(address)) is not { Length: > 0 } bindings)
        {
            return;
        }

        _context.Exchanges.Remove([], bindings);
        foreach (var name in bindings.Select(static binding => binding.Exchange).Distinct(StringComparer.Ordinal))
        {
            if (_context.Exchanges.Find(name) is { AutoDelete: true })
            {
                _ = EndUnusedAsync(name);
            }
        }
    }

    private async Task EndUnusedAsync(string name)
    {
        try
        {
            await _definitionGate.WaitAsync();
            try
            {
                if (_context.Exchanges.Find(name) is { } exchange && _context.Exchanges.ListBindings(name).Length == 0)
                {
                    await EndAsync([exchange], _context.Exchanges.ListBindings(binding => binding.ToExchange && binding.Destination == name));
                }
            }
            finally
            {
                _definitionGate.Release();
            }
        }
        catch (Exception cause) when (cause is EngineException or JournalException or ObjectDisposedException)
        {
            _context.Events.BackgroundFailure($"Deleting the exchange '{name}', which has no bindings any more,", cause);
        }
    }

    /// <summary>The exchanges that recovery found, and the bindings both ends of which are there.</summary>
    private void RestoreExchanges(RecoveredExchanges recovered)
    {
        _context.Exchanges.FindNode = address => _nodes.GetValueOrDefault(address);
        foreach (var exchange in recovered.Exchanges.Values)
        {
            _context.Exchanges.Add(exchange);
        }

        foreach (var binding in recovered.Bindings)
        {
            try
            {
                if (IsDurable(binding) is not null)
                {
                    _context.Exchanges.Add(binding, binding.Filter.IsEmpty ? null : _context.Annotator.RestoreFilter(binding.Filter));
                }
            }
            catch (EngineException cause)
            {
                _context.Events.BackgroundFailure($"The binding from '{binding.Exchange}' to '{binding.Destination}' is left out, as its arguments are not understood", cause);
            }
        }
    }

    /// <summary>What of them is on disk, for a snapshot.</summary>
    private void WriteExchanges(JournalBatch batch)
    {
        foreach (var exchange in _context.Exchanges.ListExchanges())
        {
            if (exchange.Durable && !ExchangeDirectory.IsBuiltIn(exchange.Name))
            {
                ExchangeOperation.Write(batch, exchange, gone: false);
            }
        }

        foreach (var binding in _context.Exchanges.ListBindings(binding => IsDurable(binding) == true))
        {
            ExchangeOperation.Write(batch, binding, gone: false);
        }
    }
}
