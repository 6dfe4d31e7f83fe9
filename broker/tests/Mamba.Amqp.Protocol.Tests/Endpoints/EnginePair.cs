using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Tests.Endpoints;

/// <summary>A client's engine and a server's, wired back to back: what one writes, the other receives.</summary>
internal sealed class EnginePair : IDisposable
{
    private readonly List<byte> _toServer = [];
    private readonly List<byte> _toClient = [];

    public EnginePair(ConnectionSettings? client = null, ConnectionSettings? server = null)
    {
        ClientHandler = new RecordingHandler();
        ServerHandler = new RecordingHandler();
        Client = new ConnectionEngine(client ?? WireScript.ClientSettings, ClientHandler);
        Server = new ConnectionEngine(server ?? WireScript.ServerSettings, ServerHandler);
        ServerHandler.WhenOpen = _ => Server.Open(new Open());
        ServerHandler.WhenBegin = session => session.Begin(new Begin());
        ServerHandler.WhenAttach = (link, remote) => link.Attach(new Attach { Source = remote.Source, Target = remote.Target });
        ServerHandler.WhenDetach = (link, closed) => link.Detach(closed);
        ClientHandler.WhenDetach = (link, closed) => link.Detach(closed);
    }

    public ConnectionEngine Client { get; }

    public ConnectionEngine Server { get; }

    public RecordingHandler ClientHandler { get; }

    public RecordingHandler ServerHandler { get; }

    /// <summary>How many bytes go across at a time; 0 for all there are.</summary>
    public int ChunkSize { get; set; }

    /// <summary>Opens the connection and one session of the client.</summary>
    public SessionEndpoint Connect()
    {
        Client.Open(new Open());
        Pump();
        var session = Client.CreateSession(new Begin());
        Pump();
        return session;
    }

    /// <summary>Moves bytes both ways until nothing is left to move.</summary>
    public void Pump()
    {
        for (var moved = true; moved;)
        {
            moved = Move(Client, Server, _toServer);
            moved |= Move(Server, Client, _toClient);
        }
    }

    public void Dispose()
    {
        Client.Dispose();
        Server.Dispose();
    }

    private bool Move(ConnectionEngine from, ConnectionEngine to, List<byte> wire)
    {
        from.FlushDispositions();
        var arrived = from.Output.ToArray();
        from.Output.Clear();
        if (arrived.Length == 0)
        {
            return false;
        }

        var chunk = ChunkSize == 0 ? arrived.Length : ChunkSize;
        for (var at = 0; at < arrived.Length; at += chunk)
        {
            wire.AddRange(arrived.AsSpan(at, Math.Min(chunk, arrived.Length - at)));
            wire.RemoveRange(0, to.Receive(wire.ToArray()));
        }

        return true;
    }
}
