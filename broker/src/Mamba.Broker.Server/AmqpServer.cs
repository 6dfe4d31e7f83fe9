using System.Net;
using System.Net.WebSockets;
using Mamba.Amqp.Transport;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Connections;
using Mamba.Broker.Server.Security;
using Mamba.Broker.Server.Transport;
using Microsoft.Extensions.Logging;

namespace Mamba.Broker.Server;

/// <summary>
/// The AMQP 1.0 front-end: listens, and serves each connection from the engine. Create it (which binds its end points), start
/// it, stop it once. Thread-safe.
/// </summary>
public sealed class AmqpServer : IAsyncDisposable
{
    private const int Backlog = 1024;
    private static readonly TimeSpan WebSocketFarewell = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan TickPeriod = TimeSpan.FromMilliseconds(250);

    private readonly ServerOptions _options;
    private readonly ServerContext _context;
    private readonly ConnectionAdmission _admission;
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<SocketListener> _listeners = [];
    private ITimer? _ticker;
    private long _lastId;
    private int _stopped;

    /// <summary>Binds every end point.</summary>
    /// <exception cref="IOException">An end point cannot be bound.</exception>
    public AmqpServer(
        ServerOptions options,
        MessageEngine engine,
        ISaslAuthenticator authenticator,
        ConnectionAdmission admission,
        TimeProvider time,
        ILogger<AmqpServer> logger)
    {
        _options = options;
        _admission = admission;
        _context = new ServerContext(options, engine, authenticator, time, logger, _stopping.Token);
        var doorKeeper = new DoorKeeper(options.ContainerId, authenticator, time);
        foreach (var endPoint in options.Amqp)
        {
            _listeners.Add(new SocketListener(endPoint, Backlog, tls: null, admission, options.TlsDeadline, doorKeeper, Accept, logger));
        }

        foreach (var endPoint in options.Amqps)
        {
            _listeners.Add(new SocketListener(endPoint, Backlog, options.Tls, admission, options.TlsDeadline, doorKeeper, Accept, logger));
        }
    }

    /// <summary>Where plain AMQP is accepted, with real port numbers.</summary>
    public IReadOnlyList<IPEndPoint> AmqpEndPoints => EndPoints(tls: false);

    /// <summary>Where AMQP over TLS is accepted.</summary>
    public IReadOnlyList<IPEndPoint> AmqpsEndPoints => EndPoints(tls: true);

    /// <summary>Begins to accept.</summary>
    public void Start()
    {
        _ticker = _context.Time.CreateTimer(_ => Tick(), state: null, TickPeriod, TickPeriod);
        foreach (var listener in _listeners)
        {
            listener.Start();
        }
    }

    /// <summary>
    /// Serves AMQP over an accepted WebSocket whose subprotocol is <c>amqp</c>. Completes when the connection has ended.
    /// </summary>
    public async Task AcceptWebSocketAsync(WebSocket socket, ListenerContext listener, CancellationToken cancellationToken)
    {
        var ticket = _admission.TryAdmit(listener.Remote.Address);
        if (ticket is null)
        {
            ServerLog.TooManyUnauthenticated(_context.Logger, listener.Remote.ToString());
            await TurnAwayAsync(socket, cancellationToken);
            return;
        }

        var connection = Accept(new WebSocketTransport(socket, listener), ticket);
        await using var cut = cancellationToken.Register(() => connection.Cut("the HTTP connection ended"));
        await connection.Ended;
    }

    /// <summary>Says over a WebSocket that there is no room (close status 1013, try again later), and does not wait for an answer.</summary>
    private async Task TurnAwayAsync(WebSocket socket, CancellationToken cancellationToken)
    {
        const WebSocketCloseStatus tryAgainLater = (WebSocketCloseStatus)1013;
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping.Token);
        deadline.CancelAfter(WebSocketFarewell);
        try
        {
            await socket.CloseOutputAsync(tryAgainLater, "too many connections have not authenticated yet", deadline.Token);
        }
        catch (Exception e) when (e is WebSocketException or IOException or OperationCanceledException)
        {
            socket.Abort();
        }
    }

    /// <summary>
    /// Stops accepting, closes every connection with amqp:connection:forced, and cuts those that do not answer within
    /// <see cref="ServerOptions.StopTimeout"/>. What they held goes back to its queues.
    /// </summary>
    public async Task StopAsync()
    {
        if (Interlocked.Exchange(ref _stopped, 1) != 0)
        {
            return;
        }

        foreach (var listener in _listeners)
        {
            await listener.DisposeAsync();
        }

        var connections = _context.Connections.All.ToArray();
        foreach (var connection in connections)
        {
            connection.CloseWith(new AmqpError(ErrorCondition.ConnectionForced, "The broker is stopping; connect again later."));
        }

        var ended = Task.WhenAll(connections.Select(connection => connection.Ended));
        try
        {
            await ended.WaitAsync(_options.StopTimeout, _context.Time);
        }
        catch (TimeoutException)
        {
            foreach (var connection in connections)
            {
                connection.Cut("the broker stopped");
            }

            await ended;
        }

        await _stopping.CancelAsync();
        if (_ticker is not null)
        {
            await _ticker.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stopping.Dispose();
    }

    private AmqpConnection Accept(ByteTransport transport, ConnectionAdmission.Ticket ticket)
    {
        var connection = new AmqpConnection(Interlocked.Increment(ref _lastId), _context, transport, ticket);
        _context.Connections.Add(connection);
        connection.Start();
        return connection;
    }

    /// <summary>Gives a turn to every connection whose time has come: heartbeats, deadlines, idle time-outs; and what is kept too long ends, suspended links among it.</summary>
    private void Tick()
    {
        var now = _context.NowMilliseconds;
        _context.Connections.SignalDue(now);
        _context.Kept.Sweep(now);
        _context.Termini.Tick(now);
    }

    private List<IPEndPoint> EndPoints(bool tls) =>
        [.. _listeners.Where(listener => listener.IsTls == tls).Select(listener => listener.EndPoint)];
}
