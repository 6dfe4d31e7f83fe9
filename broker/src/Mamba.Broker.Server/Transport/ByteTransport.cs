using System.Net;
using System.Security.Cryptography.X509Certificates;

namespace Mamba.Broker.Server.Transport;

/// <summary>
/// A full-duplex stream of bytes under one AMQP connection: at most one receive and one send are in flight at a time.
/// Both are started by the connection's turn and either finish at once or report to the <see cref="Owner"/> later.
/// </summary>
internal abstract class ByteTransport : IDisposable
{
    /// <summary>The result of an operation that will report to the owner later.</summary>
    public const int Pending = -1;

    public ITransportOwner Owner { get; set; } = null!;

    public abstract IPEndPoint LocalEndPoint { get; }

    public abstract IPEndPoint RemoteEndPoint { get; }

    public virtual bool IsTls => false;

    /// <summary>The peer's certificate when the TLS handshake verified one.</summary>
    public virtual X509Certificate2? ClientCertificate => null;

    /// <summary>
    /// True where <see cref="Receive"/> with an empty buffer waits for data without holding memory, so that idle connections
    /// need no receive buffer.
    /// </summary>
    public virtual bool CanWaitWithoutBuffer => false;

    /// <summary>
    /// Starts a receive. Returns the bytes received, 0 at the end of the stream, or <see cref="Pending"/>. With an empty
    /// <paramref name="buffer"/> (see <see cref="CanWaitWithoutBuffer"/>) a completion with any count means "try again with a buffer".
    /// </summary>
    public abstract int Receive(Memory<byte> buffer);

    /// <summary>
    /// Starts sending all of <paramref name="bytes"/>, which must stay untouched until done. Returns 1 when sent, 0 when the
    /// connection is broken, or <see cref="Pending"/>.
    /// </summary>
    public abstract int Send(ReadOnlyMemory<byte> bytes);

    /// <summary>
    /// Whether the peer's machine has not acknowledged everything that was sent. False where that cannot be told.
    /// </summary>
    public virtual bool HasUnacknowledged => false;

    /// <summary>
    /// The same bytes as a stream, for what reads and writes them before, or in place of, AMQP; null where it carries nothing else.
    /// No receive or send may be in flight. The transport is still to be disposed of.
    /// </summary>
    public virtual Stream? OpenStream() => null;

    /// <summary>The peer told the largest frame it takes, in bytes. Matters where frames travel in messages.</summary>
    public virtual void LimitMessages(uint maxFrameSize)
    {
    }

    /// <summary>Says that nothing more will be sent (TCP FIN, TLS close_notify, WebSocket close 1000) and then closes.</summary>
    public abstract ValueTask ShutdownAsync();

    public abstract void Dispose();
}
