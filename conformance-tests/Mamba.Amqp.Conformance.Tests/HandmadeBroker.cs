using System.Net;
using System.Net.Sockets;
using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Sasl;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Conformance.Tests;

/// <summary>
/// A peer that says the same to each connection: some bytes, or what a broker says up to its open. It answers a number of connections,
/// and after those takes none, or takes them and is silent.
/// </summary>
internal sealed class HandmadeBroker : IAsyncDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _silent = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<Socket> _open = [];
    private readonly Task _serving;

    /// <param name="words">What it says as soon as somebody connects; it then says that nothing will follow.</param>
    /// <param name="answered">How many connections are answered.</param>
    /// <param name="thenSilent">Later connections are taken, and nothing is said; otherwise none is taken.</param>
    public HandmadeBroker(byte[] words, int answered = int.MaxValue, bool thenSilent = false)
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(100);
        Target = new BrokerTarget("127.0.0.1", ((IPEndPoint)_listener.LocalEndPoint!).Port);
        _serving = ServeAsync(words, answered, thenSilent);
    }

    /// <summary>What a broker says up to its open, whatever it is told, to a client that logs in as ANONYMOUS. The open says what the product is.</summary>
    public static byte[] Greeting(string product)
    {
        byte[] sasl = new byte[ProtocolHeader.Size], amqp = new byte[ProtocolHeader.Size];
        ProtocolHeader.Sasl.Write(sasl);
        ProtocolHeader.Amqp.Write(amqp);
        return
        [
            .. sasl, .. Raw.Frame(new SaslMechanisms { SaslServerMechanisms = ["ANONYMOUS"] }, 0), .. Raw.Frame(new SaslOutcome { Code = SaslCode.Ok }, 0),
            .. amqp, .. Raw.Frame(new Open { ContainerId = product }, 0),
        ];
    }

    public BrokerTarget Target { get; }

    /// <summary>Ends when the first connection has come that is not answered.</summary>
    public Task Silent => _silent.Task;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        try
        {
            await _serving;
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            Assert.That(_stop.IsCancellationRequested, Is.True);
        }

        _open.ForEach(static socket => socket.Dispose());
        _stop.Dispose();
    }

    private async Task ServeAsync(byte[] words, int answered, bool thenSilent)
    {
        for (var number = 1; number <= answered || thenSilent; number++)
        {
            var socket = await _listener.AcceptAsync(_stop.Token);
            _open.Add(socket);
            if (number > answered)
            {
                _silent.TrySetResult();
            }
            else
            {
                await socket.SendAsync(words, _stop.Token);
                socket.Shutdown(SocketShutdown.Send);
            }
        }

        _listener.Dispose();
    }
}
