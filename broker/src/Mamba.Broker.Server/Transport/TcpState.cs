using System.Net.Sockets;

namespace Mamba.Broker.Server.Transport;

/// <summary>What Linux knows of a TCP connection.</summary>
internal static class TcpState
{
    private const int TcpLevel = 6;
    private const int TcpInfo = 11;

    // struct tcp_info: 8 bytes of flags, then u32 rto, ato, snd_mss, rcv_mss, unacked, ...
    private const int UnackedAt = 24;

    /// <summary>Whether segments are on their way that the peer's machine has not acknowledged. False where the system does not tell.</summary>
    public static bool HasUnacknowledged(Socket socket)
    {
        if (!OperatingSystem.IsLinux())
        {
            return false;
        }

        Span<byte> info = stackalloc byte[UnackedAt + sizeof(uint)];
        try
        {
            return socket.GetRawSocketOption(TcpLevel, TcpInfo, info) == info.Length && BitConverter.ToUInt32(info[UnackedAt..]) > 0;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It is closed: there is nothing to wait for.
            return false;
        }
    }
}
