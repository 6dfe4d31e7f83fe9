using System.Net;
using System.Net.Sockets;

namespace Mamba.Amqp.Client.Tests;

/// <summary>Passes bytes on to a broker, until it is told to cut every connection that goes through it.</summary>
internal sealed class CuttableProxy : IAsyncDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly IPEndPoint _target;
    private readonly Lock _gate = new();
    private readonly List<Socket> _open = [];
    private readonly Task _accepting;

    public CuttableProxy(IPEndPoint target)
    {
        _target = target;
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    /// <summary>Ends all connections with a reset, as a network that fails does; new ones pass.</summary>
    public void Cut()
    {
        lock (_gate)
        {
            foreach (var socket in _open)
            {
                socket.LingerState = new LingerOption(enable: true, seconds: 0);
                socket.Dispose();
            }

            _open.Clear();
        }
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        Cut();
        await _accepting;
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var near = await _listener.AcceptAsync();
                var far = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                near.NoDelay = true;
                lock (_gate)
                {
                    _open.AddRange([near, far]);
                }

                _ = PassAsync(near, far);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            TestContext.Out.WriteLine($"The proxy accepts no more: {e.Message}");
        }
    }

    private async Task PassAsync(Socket near, Socket far)
    {
        try
        {
            await far.ConnectAsync(_target);
            await Task.WhenAny(CopyAsync(near, far), CopyAsync(far, near));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            TestContext.Out.WriteLine($"A connection through the proxy ended: {e.Message}");
        }

        lock (_gate)
        {
            near.Dispose();
            far.Dispose();
            _open.RemoveAll(socket => ReferenceEquals(socket, near) || ReferenceEquals(socket, far));
        }
    }

    private static async Task CopyAsync(Socket from, Socket to)
    {
        var buffer = new byte[16 * 1024];
        int read;
        while ((read = await from.ReceiveAsync(buffer)) > 0)
        {
            for (var sent = 0; sent < read;)
            {
                sent += await to.SendAsync(buffer.AsMemory(sent, read - sent));
            }
        }
    }
}
