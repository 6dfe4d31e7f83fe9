using System.Globalization;
using Mamba.Amqp.Conformance.Adapters;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Conformance.Running;

/// <summary>What a running case works with: connections to the broker, addresses of its own, its trace. For one case only.</summary>
public sealed class CaseContext : IAsyncDisposable
{
    /// <summary>How long a case watches when it must see that nothing comes. The only waiting in the suite that is not for an event.</summary>
    public static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(250);

    private readonly List<AmqpWire> _wires = [];
    private readonly string _prefix;
    private int _addresses;

    public CaseContext(BrokerTarget broker, IBrokerAdapter adapter, string caseId, CancellationToken guard)
    {
        Broker = broker;
        Adapter = adapter;
        Guard = guard;
        _prefix = $"conf.{broker.RunId}.{caseId}".ToLowerInvariant();
    }

    public BrokerTarget Broker { get; }

    public IBrokerAdapter Adapter { get; }

    /// <summary>The time the case has.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Ends when the case has had its time.</summary>
    public CancellationToken Guard { get; }

    public WireTrace Trace { get; } = new();

    /// <summary>A name nobody else uses.</summary>
    public string Name() => $"{_prefix}.{(++_addresses).ToString(CultureInfo.InvariantCulture)}";

    /// <summary>The address of a queue that is there, empty, and nobody else's.</summary>
    public Task<string> QueueAsync() => Adapter.QueueAsync(Name(), Guard);

    /// <summary>The address of a topic nobody else uses; not applicable where the broker has none.</summary>
    public async Task<string> TopicAsync() =>
        await Adapter.TopicAsync(Name(), Guard) ?? throw new NotApplicableException("the broker has no topics that its adapter knows of");

    /// <summary>A TCP connection on which nothing has been sent.</summary>
    public async Task<AmqpWire> ConnectAsync()
    {
        var label = _wires.Count == 0 ? "" : $"{(char)('A' + _wires.Count)} ";
        var wire = await AmqpWire.ConnectAsync(Broker.Host, Broker.Port, Trace, label, Guard);
        _wires.Add(wire);
        return wire;
    }

    /// <summary>Counts a connection that was made in another way, so that it is closed with the case.</summary>
    public AmqpWire Adopt(Stream stream)
    {
        var wire = new AmqpWire(stream, Trace, _wires.Count == 0 ? "" : $"{(char)('A' + _wires.Count)} ", Guard);
        _wires.Add(wire);
        return wire;
    }

    /// <summary>A connection that is past its headers (and SASL), where open is to be sent.</summary>
    public async Task<AmqpWire> GreetAsync()
    {
        var wire = await ConnectAsync();
        await SaslHandshake.RunAsync(wire, Broker);
        await wire.SendHeaderAsync(ProtocolHeader.Amqp);
        await wire.ExpectHeaderAsync(ProtocolHeader.Amqp);
        return wire;
    }

    /// <summary>An open connection.</summary>
    /// <param name="change">Changes the open before it is sent.</param>
    public async Task<Peer> OpenAsync(Action<Open>? change = null)
    {
        var wire = await GreetAsync();
        var open = new Open { ContainerId = Name(), Hostname = Broker.Host, MaxFrameSize = 65536, ChannelMax = 255 };
        change?.Invoke(open);
        await wire.SendAsync(open);
        var remote = await wire.ExpectAsync<Open>();
        if (remote.IdleTimeOut is { } idle and > 0)
        {
            wire.KeepAlive(TimeSpan.FromMilliseconds(Math.Max(50, idle / 2)));
        }

        return new Peer(this, wire, open, remote);
    }

    /// <summary>An open connection with a session on channel 0.</summary>
    public async Task<Session> BeginAsync(Action<Open>? change = null, Action<Begin>? begin = null) =>
        await (await OpenAsync(change)).BeginAsync(0, begin);

    /// <summary>Ends the case as not applicable.</summary>
    public static NotApplicableException NotApplicable(string reason) => new(reason);

    public async ValueTask DisposeAsync()
    {
        foreach (var wire in _wires)
        {
            await wire.DisposeAsync();
        }
    }
}
