using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Mamba.Broker.Server.Security;
using Microsoft.Extensions.Logging;

namespace Mamba.Broker.Server.Transport;

/// <summary>
/// Accepts sockets on one end point, within the admission bounds, and hands each over as a ready transport: for TLS after a
/// handshake that has an absolute deadline. Start once; stop by disposing.
/// </summary>
internal sealed class SocketListener : IAsyncDisposable
{
    private readonly Socket _socket;
    private readonly SslServerAuthenticationOptions? _tls;
    private readonly ConnectionAdmission _admission;
    private readonly TimeSpan _handshakeDeadline;
    private readonly DoorKeeper _doorKeeper;
    private readonly Func<ByteTransport, ConnectionAdmission.Ticket, Connections.AmqpConnection> _accepted;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stopping = new();
    private Task _loop = Task.CompletedTask;

    /// <summary>Binds at once, so that a port in use is known before anything else starts.</summary>
    /// <exception cref="IOException">The end point cannot be bound.</exception>
    public SocketListener(
        IPEndPoint endPoint,
        int backlog,
        SslServerAuthenticationOptions? tls,
        ConnectionAdmission admission,
        TimeSpan handshakeDeadline,
        DoorKeeper doorKeeper,
        Func<ByteTransport, ConnectionAdmission.Ticket, Connections.AmqpConnection> accepted,
        ILogger logger)
    {
        _tls = tls;
        _admission = admission;
        _handshakeDeadline = handshakeDeadline;
        _doorKeeper = doorKeeper;
        _accepted = accepted;
        _logger = logger;
        _socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            // No ReuseAddress: .NET takes over a port in TIME_WAIT by itself, and makes of that option SO_REUSEPORT on Unix, with which
            // a second broker would silently share the port.
            _socket.Bind(endPoint);
            _socket.Listen(backlog);
            EndPoint = (IPEndPoint)_socket.LocalEndPoint!;
        }
        catch (SocketException e)
        {
            _socket.Dispose();
            throw new IOException($"Cannot listen on {endPoint}: {e.Message}. Stop what uses the port, or give another; port 0 takes a free one.", e);
        }
    }

    /// <summary>Where it listens; the port is real even if 0 was asked for.</summary>
    public IPEndPoint EndPoint { get; }

    public bool IsTls => _tls is not null;

    public void Start() => _loop = AcceptLoopAsync();

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _socket.Dispose();
        await _loop;
        _stopping.Dispose();
    }

    private async Task AcceptLoopAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            Socket peer;
            try
            {
                peer = await _socket.AcceptAsync(_stopping.Token);
            }
            catch (Exception) when (_stopping.IsCancellationRequested)
            {
                // However the system says that the socket was closed.
                return;
            }
            catch (SocketException e)
            {
                // Out of descriptors, or the peer left while queued: the listener itself is sound.
                ServerLog.AcceptFailed(_logger, EndPoint.ToString(), e.Message);
                await Task.Yield();
                continue;
            }

            Admit(peer);
        }
    }

    private void Admit(Socket peer)
    {
        ConnectionAdmission.Ticket? ticket = null;
        try
        {
            peer.NoDelay = true;
            ticket = _admission.TryAdmit(((IPEndPoint)peer.RemoteEndPoint!).Address);
            if (ticket is null)
            {
                ServerLog.TooManyUnauthenticated(_logger, peer.RemoteEndPoint?.ToString() ?? "?");
                TurnAway(peer);
            }
            else if (_tls is null)
            {
                _accepted(new SocketTransport(peer), ticket);
            }
            else
            {
                _ = HandshakeAsync(peer, _tls, ticket);
            }
        }
        catch (SocketException)
        {
            // The peer left between accept and here; there is nobody to answer.
            ticket?.Dispose();
            peer.Dispose();
        }
    }

    /// <summary>To answer over TLS would cost what the bound is there to save: a handshake.</summary>
    private void TurnAway(Socket peer)
    {
        if (_tls is null)
        {
            _doorKeeper.TurnAway(peer);
        }
        else
        {
            peer.Dispose();
        }
    }

    private async Task HandshakeAsync(Socket peer, SslServerAuthenticationOptions options, ConnectionAdmission.Ticket ticket)
    {
        var remote = peer.RemoteEndPoint?.ToString() ?? "?";
        var stream = new SslStream(new NetworkStream(peer, ownsSocket: false));
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);
        deadline.CancelAfter(_handshakeDeadline);
        try
        {
            await stream.AuthenticateAsServerAsync(options, deadline.Token);
            _accepted(new TlsTransport(peer, stream), ticket);
        }
        catch (Exception e) when (e is System.Security.Authentication.AuthenticationException or IOException
            or OperationCanceledException or SocketException or ObjectDisposedException or System.ComponentModel.Win32Exception)
        {
            ServerLog.TlsHandshakeFailed(_logger, remote, e.Message);
            ticket.Dispose();
            await stream.DisposeAsync();
            peer.Dispose();
        }
    }
}
