using System.Net;
using Mamba.Broker.Engine;
using Mamba.Broker.Server;
using Mamba.Broker.Server.Connections;
using Mamba.Broker.Server.Messages;
using Mamba.Broker.Server.Security;
using Microsoft.Extensions.Logging.Abstractions;

namespace Mamba.Tools.Bench.Micro.Scenarios;

/// <summary>
/// The broker's whole way without a socket: bytes of 32 transfers in, frames, ingress, queue, egress, bytes of 32 transfers out, and
/// the dispositions of both sides. Durable messages go to a real file in the folder for temporary files, without fdatasync.
/// </summary>
public abstract class WireScenario : BatchScenario
{
    private readonly string _folder = Directory.CreateTempSubdirectory("mamba-micro-").FullName;
    private MessageEngine _engine = null!;
    private AmqpConnection _connection = null!;
    private WirePeer _peer = null!;

    /// <summary>Binding the links is done by pool threads, and so is what the journal causes.</summary>
    public override bool UsesOtherThreads => true;

    public override double AllocationBound => OtherThreadsBound;

    protected abstract bool Durable { get; }

    /// <summary>Both sides send settled.</summary>
    protected abstract bool Settled { get; }

    public override void Setup()
    {
        _engine = MessageEngine.Open(new EngineOptions { Directory = _folder, Sync = false }, new MessageAnnotator(), TimeProvider.System, IEngineEvents.None);
        var server = new ServerContext(new ServerOptions(), _engine, new Everybody(), TimeProvider.System, NullLogger.Instance, CancellationToken.None);
        _peer = new WirePeer(Samples.Plain(Durable), Size, Settled);
        _connection = new AmqpConnection(1, server, _peer, new ConnectionAdmission(1, 1).TryAdmit(IPAddress.Loopback)!);
        server.Connections.Add(_connection);
        _connection.Start();
        _peer.Open("q");
    }

    public override void Once() => _peer.RoundTrip();

    protected override void Dispose(bool disposing)
    {
        _connection.Cut("the benchmark is over");
        _connection.Ended.GetAwaiter().GetResult();
        _engine.DisposeAsync().AsTask().GetAwaiter().GetResult();
        Directory.Delete(_folder, recursive: true);
    }

    private sealed class Everybody : ISaslAuthenticator
    {
        public IReadOnlyList<string> Mechanisms(ListenerContext context) => [];

        public bool AllowsBareHeader(ListenerContext context) => true;

        public SaslExchange Begin(string mechanism, ListenerContext context) => throw new NotSupportedException("Nobody asks for it.");
    }
}

public sealed class WireSettled : WireScenario
{
    protected override bool Durable => false;

    protected override bool Settled => true;
}

public sealed class WireUnsettled : WireScenario
{
    protected override bool Durable => false;

    protected override bool Settled => false;
}

public sealed class WireDurable : WireScenario
{
    protected override bool Durable => true;

    protected override bool Settled => false;
}
