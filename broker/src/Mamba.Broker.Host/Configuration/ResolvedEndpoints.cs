using System.Net;

namespace Mamba.Broker.Host.Configuration;

/// <summary>The endpoints of <see cref="ListenerOptions"/> after name resolution; null where a listener is off.</summary>
internal sealed record ResolvedEndpoints(IPEndPoint? Amqp, IPEndPoint? Amqps, IPEndPoint? Console, IPEndPoint? SecureConsole)
{
    /// <summary>Whether only this machine can connect.</summary>
    public bool AllLoopback => IsLocal(Amqp) && IsLocal(Amqps) && IsLocal(Console) && IsLocal(SecureConsole);

    private static bool IsLocal(IPEndPoint? endpoint) => endpoint is null || IPAddress.IsLoopback(endpoint.Address);
}
