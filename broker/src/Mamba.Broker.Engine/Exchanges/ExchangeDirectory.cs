namespace Mamba.Broker.Engine;

/// <summary>
/// The exchanges there are, with their bindings. Who publishes to one asks once where a routing key leads, and again only when the answer
/// is of an older version than <see cref="Version"/>. Thread-safe; changes come one at a time.
/// </summary>
internal sealed class ExchangeDirectory
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, List<Binding>> _bindings = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ExchangeOptions> _exchanges = new(StringComparer.Ordinal);
    private long _version;

    public ExchangeDirectory()
    {
        foreach (var exchange in new ExchangeOptions[]
        {
            new("amq.direct", ExchangeType.Direct), new("amq.fanout", ExchangeType.Fanout), new("amq.topic", ExchangeType.Topic),
            new("amq.headers", ExchangeType.Headers), new("amq.match", ExchangeType.Headers),
        })
        {
            _exchanges.Add(exchange.Name, exchange);
        }
    }

    /// <summary>Finds a queue or topic by its address; set when there are nodes.</summary>
    public Func<string, IRoutingNode?> FindNode { get; set; } = static _ => null;

    /// <summary>Rises with every change.</summary>
    public long Version => Volatile.Read(ref _version);

    public int BindingCount { get; private set; }

    /// <summary>Whether it was there from the beginning: it is not journaled and cannot be deleted.</summary>
    public static bool IsBuiltIn(string name) => name.StartsWith("amq.", StringComparison.Ordinal);

    public ExchangeOptions? Find(string name)
    {
        lock (_gate)
        {
            return _exchanges.GetValueOrDefault(name);
        }
    }

    public ExchangeOptions[] ListExchanges()
    {
        lock (_gate)
        {
            return [.. _exchanges.Values];
        }
    }

    /// <summary>The bindings that a condition holds for.</summary>
    public BindingOptions[] ListBindings(Func<BindingOptions, bool> condition)
    {
        lock (_gate)
        {
            return BindingCount == 0 ? [] : [.. _bindings.Values.SelectMany(static bindings => bindings).Select(static binding => binding.Options).Where(condition)];
        }
    }

    /// <summary>The bindings of one exchange.</summary>
    public BindingOptions[] ListBindings(string exchange)
    {
        lock (_gate)
        {
            return _bindings.TryGetValue(exchange, out var found) ? [.. found.Select(static binding => binding.Options)] : [];
        }
    }

    public void Add(ExchangeOptions exchange) => Change(() => _exchanges[exchange.Name] = exchange);

    public void Add(BindingOptions options, IMessageFilter? filter) => Change(() =>
    {
        if (!_bindings.TryGetValue(options.Exchange, out var bindings))
        {
            _bindings[options.Exchange] = bindings = [];
        }

        bindings.Add(new Binding(options, filter, _exchanges[options.Exchange].Type == ExchangeType.Topic ? new AddressPattern(options.Key) : null));
        BindingCount++;
    });

    /// <summary>Takes exchanges and bindings out.</summary>
    public void Remove(IReadOnlyCollection<string> exchanges, IReadOnlyCollection<BindingOptions> bindings) => Change(() =>
    {
        foreach (var exchange in exchanges)
        {
            _exchanges.Remove(exchange);
        }

        foreach (var binding in bindings)
        {
            if (_bindings.TryGetValue(binding.Exchange, out var there) && there.RemoveAll(one => one.Options.Equals(binding)) is > 0 and var removed)
            {
                BindingCount -= removed;
                if (there.Count == 0)
                {
                    _bindings.Remove(binding.Exchange);
                }
            }
        }
    });

    /// <summary>Where messages with a routing key go from an exchange; null when there is no such exchange.</summary>
    public RoutePlan? PlanFor(string exchange, string key)
    {
        var builder = new RoutePlan.Builder();
        lock (_gate)
        {
            if (!_exchanges.ContainsKey(exchange))
            {
                return null;
            }

            for (var stop = builder.StopOf(exchange); stop is not null; stop = builder.NextOpen())
            {
                foreach (var binding in _bindings.GetValueOrDefault(stop.Exchange) ?? [])
                {
                    if (!binding.Takes(_exchanges[stop.Exchange].Type, key))
                    {
                        continue;
                    }

                    if (binding.Options.ToExchange)
                    {
                        stop.Exchanges.Add((builder.StopOf(binding.Options.Destination).Index, binding.Filter));
                    }
                    else if (FindNode(binding.Options.Destination) is QueueNode queue)
                    {
                        stop.Queues.Add((queue, binding.Filter));
                    }
                }
            }

            return builder.Build(_version);
        }
    }

    private void Change(Action change)
    {
        lock (_gate)
        {
            change();
            Volatile.Write(ref _version, _version + 1);
        }
    }

    /// <summary>A binding with its filter and pattern compiled.</summary>
    private sealed record Binding(BindingOptions Options, IMessageFilter? Filter, AddressPattern? Pattern)
    {
        public bool Takes(ExchangeType type, string key) => type switch
        {
            ExchangeType.Direct => string.Equals(Options.Key, key, StringComparison.Ordinal),
            ExchangeType.Topic when key.Length == 0 => Options.Key.Split('.') is var words && (Options.Key.Length == 0 || Array.TrueForAll(words, static word => word == "#")),
            ExchangeType.Topic => Pattern!.Matches(key),
            _ => true,
        };
    }
}
