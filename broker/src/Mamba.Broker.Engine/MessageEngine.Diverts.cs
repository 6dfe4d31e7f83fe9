namespace Mamba.Broker.Engine;

/// <content>Diverts: rules by which messages go to other addresses as well, or instead.</content>
public sealed partial class MessageEngine
{
    /// <summary>The rules there are, in the order they are looked at.</summary>
    public IReadOnlyList<DivertStatus> ListDiverts() => [.. _context.Diverts.Table.All.Select(static divert => divert.Status)];

    /// <summary>Makes a rule, and its target when that is missing; on disk before the task completes.</summary>
    /// <exception cref="EngineException"><see cref="EngineError.Mismatch"/> when there is one of that name, or messages would go round;
    /// <see cref="EngineError.NotAllowed"/> when pattern, target or selector cannot be.</exception>
    public async Task CreateDivertAsync(DivertOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        await _definitionGate.WaitAsync();
        try
        {
            var table = TableWith(_context.Diverts.Table.All, options, isConfigured: false);
            if (!_nodes.ContainsKey(options.Target))
            {
                await CreateAsync(new NodeDefinition(_context.TakeQueueId(), options.TargetKind, options.Target, IsDeadLetter: false, Options: null));
            }

            await AppendDefinitionAsync(batch => DivertOperation.Write(batch, options, gone: false));
            _context.Diverts.Table = table;
        }
        finally
        {
            _definitionGate.Release();
        }
    }

    /// <summary>Ends a rule; on disk before the task completes. What it led to stays.</summary>
    /// <returns>False when there is none of that name.</returns>
    /// <exception cref="EngineException"><see cref="EngineError.NotAllowed"/> when it is from the settings.</exception>
    public async Task<bool> DeleteDivertAsync(string name)
    {
        await _definitionGate.WaitAsync();
        try
        {
            var all = _context.Diverts.Table.All;
            if (all.FirstOrDefault(divert => string.Equals(divert.Options.Name, name, StringComparison.Ordinal)) is not { } gone)
            {
                return false;
            }

            if (gone.IsConfigured)
            {
                throw new EngineException(EngineError.NotAllowed, $"The divert '{name}' is in the broker's configuration; take it out of addresses.diverts there.");
            }

            await AppendDefinitionAsync(batch => DivertOperation.Write(batch, gone.Options, gone: true));
            _context.Diverts.Table = new DivertTable(all.Where(divert => !ReferenceEquals(divert, gone)));
            return true;
        }
        finally
        {
            _definitionGate.Release();
        }
    }

    /// <summary>Where a message would go if it were published to an address now, and why. Nothing is stored; the message stays the caller's.</summary>
    public RouteTrace TraceRoute(string address, StoredMessage message)
    {
        ArgumentException.ThrowIfNullOrEmpty(address);
        ArgumentNullException.ThrowIfNull(message);
        return _context.Diverts.Trace(address, message);
    }

    /// <summary>What is wrong with a set of rules, or null; see <see cref="CreateDivertAsync"/>. Selectors are not looked at.</summary>
    public static string? FindDivertFault(IEnumerable<DivertOptions> diverts)
    {
        ArgumentNullException.ThrowIfNull(diverts);
        return new DivertTable(diverts.Select(static options => new Divert(options, filter: null, isConfigured: true))).Fault();
    }

    /// <summary>The rules of the settings and those that recovery found, with their targets.</summary>
    private void RestoreDiverts(Recovery recovery)
    {
        _context.Diverts.Find = address => _nodes.GetValueOrDefault(address);
        foreach (var (options, configured) in _context.Options.Diverts.Select(static one => (one, true)).Concat(recovery.Diverts.Values.Select(static one => (one, false))))
        {
            _context.Diverts.Table = TableWith(_context.Diverts.Table.All, options, configured);
            if (!_nodes.ContainsKey(options.Target))
            {
                MakeTarget(options);
            }
        }
    }

    /// <summary>Makes a target while the engine opens. Its definition is not waited for: the journal's order keeps it before whatever is stored there.</summary>
    private void MakeTarget(DivertOptions options)
    {
        var definition = new NodeDefinition(_context.TakeQueueId(), options.TargetKind, options.Target, IsDeadLetter: false, Options: null);
        if (OptionsOf(definition).Durable)
        {
            var batch = _context.Journal.RentBatch();
            batch.BeginRecord();
            DefinitionOperation.Write(batch, definition);
            batch.EndRecord();
            _context.Journal.Append(batch, sync: true, new AppendTask(batch));
            _nodeDefinitions[definition.Id] = definition;
        }

        _nodes[definition.Address] = MakeNode(definition, lifetime: null);
    }

    private DivertTable TableWith(IReadOnlyList<Divert> there, DivertOptions options, bool isConfigured)
    {
        if (options.Name.Length == 0 || options.Pattern.Length == 0 || options.Target.Length == 0 || AddressPattern.HasWildcards(options.Target) || IsTemporaryName(options.Target))
        {
            throw new EngineException(
                EngineError.NotAllowed, $"The divert '{options.Name}' needs a name, a pattern, and a target that is one address, without wildcards and not temporary.");
        }

        if (_nodes.GetValueOrDefault(options.Target) is { IsTemporary: true })
        {
            throw new EngineException(EngineError.NotAllowed, $"'{options.Target}' is temporary and cannot be the target of a divert.");
        }

        var filter = options.Selector is null ? null : _context.Annotator.MakeFilter(options.Selector);
        var table = new DivertTable([.. there, new Divert(options, filter, isConfigured)]);
        return table.Fault() is { } fault ? throw new EngineException(EngineError.Mismatch, $"The divert '{options.Name}' cannot be made: {fault}.") : table;
    }

    /// <summary>A node that diverts lead to stays: their senders would be refused.</summary>
    private void RefuseWhenTarget(string address)
    {
        foreach (var divert in _context.Diverts.Table.All)
        {
            if (string.Equals(divert.Options.Target, address, StringComparison.Ordinal))
            {
                throw new EngineException(EngineError.ResourceLocked, $"'{address}' is the target of the divert '{divert.Options.Name}'; delete that first.");
            }
        }
    }
}
