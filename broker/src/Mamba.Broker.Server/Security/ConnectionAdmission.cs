using System.Net;

namespace Mamba.Broker.Server.Security;

/// <summary>
/// Bounds the sockets that have not authenticated yet, in total and per remote address, so that a flood of silent
/// connections costs a bounded amount of memory. Thread-safe. Sockets leave the count once their open was accepted.
/// </summary>
/// <param name="maxUnauthenticated">Sockets before open in total, at least 1.</param>
/// <param name="maxUnauthenticatedPerAddress">Sockets before open per remote IP address, at least 1.</param>
public sealed class ConnectionAdmission(int maxUnauthenticated, int maxUnauthenticatedPerAddress)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<IPAddress, int> _perAddress = [];
    private int _total;

    /// <summary>Sockets that were admitted and have neither authenticated nor gone.</summary>
    public int Unauthenticated
    {
        get
        {
            lock (_gate)
            {
                return _total;
            }
        }
    }

    /// <summary>
    /// Counts a newly accepted socket, or returns null when one of the bounds is reached: then there is no
    /// connection for it. Dispose the ticket when the peer's open was accepted, and in any case when the socket is closed.
    /// </summary>
    public Ticket? TryAdmit(IPAddress remote)
    {
        var address = remote.IsIPv4MappedToIPv6 ? remote.MapToIPv4() : remote;
        lock (_gate)
        {
            _perAddress.TryGetValue(address, out var here);
            if (_total >= maxUnauthenticated || here >= maxUnauthenticatedPerAddress)
            {
                return null;
            }

            _total++;
            _perAddress[address] = here + 1;
            return new Ticket(this, address);
        }
    }

    private void Release(IPAddress address)
    {
        lock (_gate)
        {
            _total--;
            var left = _perAddress[address] - 1;
            if (left == 0)
            {
                _perAddress.Remove(address);
            }
            else
            {
                _perAddress[address] = left;
            }
        }
    }

    /// <summary>One admitted socket. Disposing it twice is harmless.</summary>
    public sealed class Ticket : IDisposable
    {
        private readonly IPAddress _address;
        private ConnectionAdmission? _owner;

        internal Ticket(ConnectionAdmission owner, IPAddress address)
        {
            _owner = owner;
            _address = address;
        }

        /// <summary>Takes the socket out of the count.</summary>
        public void Dispose() => Interlocked.Exchange(ref _owner, null)?.Release(_address);
    }
}
