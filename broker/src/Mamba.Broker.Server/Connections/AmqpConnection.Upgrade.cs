using System.Globalization;
using System.Net.WebSockets;
using Mamba.Broker.Server.Transport;
using Mamba.Broker.Server.Transport.WebSockets;

namespace Mamba.Broker.Server.Connections;

// A peer that begins with an HTTP request: what it says next may come as a WebSocket's messages. The deadline for open covers it all.
internal sealed partial class AmqpConnection
{
    /// <summary>Whether it is known what the peer's first bytes are.</summary>
    private bool _isGreeted;

    /// <summary>Whether the first bytes are an HTTP request, or may become one: then they are not for the protocol.</summary>
    private bool IsHttp()
    {
        var first = _input.AsSpan(_inputStart, _inputEnd - _inputStart);
        var known = Math.Min(first.Length, WebSocketDoor.Beginning.Length);
        if (!first[..known].SequenceEqual(WebSocketDoor.Beginning[..known]))
        {
            _isGreeted = true;
        }
        else if (known == WebSocketDoor.Beginning.Length)
        {
            _isGreeted = true;
            if (_transport.OpenStream() is { } stream)
            {
                BeginUpgrade(stream, first.ToArray());
                return true;
            }
        }

        return !_isGreeted;
    }

    private void BeginUpgrade(Stream stream, byte[] first)
    {
        _inputStart = 0;
        _inputEnd = 0;
        ReleaseInput();

        // Neither direction is the protocol's before the request is answered.
        _receiving = true;
        _sending = true;
        _ = UpgradeAsync(new WebSocketDoor(_transport, stream, Listener, _server.Time), first);
    }

    private async Task UpgradeAsync(WebSocketDoor door, byte[] first)
    {
        try
        {
            var socket = await door.OpenAsync(first);
            Post(() => EndUpgrade(door, socket));
        }
        catch (Exception e) when (AsyncTransport.IsDisconnect(e))
        {
            Cut(EndOf(door));
        }
        catch (Exception e)
        {
            ServerLog.ConnectionFault(_server.Logger, e, Id);
            Cut("internal error");
        }
    }

    private void EndUpgrade(WebSocketDoor door, WebSocket? socket)
    {
        if (_broken)
        {
            socket?.Dispose();
            return;
        }

        if (socket is null)
        {
            Break(EndOf(door));
            return;
        }

        _transport = new WebSocketTransport(socket, Listener, carrier: _transport) { Owner = this };
        _receiving = false;
        _readyToReceive = false;
        _sending = false;
        Signal();
    }

    private static string EndOf(WebSocketDoor door) => door.Status == 0
        ? "the peer's connection ended during an HTTP request"
        : string.Create(CultureInfo.InvariantCulture, $"an HTTP request was answered with status {door.Status}");
}
