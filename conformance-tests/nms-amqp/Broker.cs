using Apache.NMS;
using Apache.NMS.AMQP;

namespace Mamba.NmsAmqp.Cases;

/// <summary>The broker under test, as its clients see it: an address to connect to.</summary>
internal sealed record Broker(string Uri)
{
    /// <summary>A started connection, without a client id of its own unless one is given.</summary>
    public IConnection Connect(string? clientId = null)
    {
        var connection = new NmsConnectionFactory(Uri).CreateConnection();
        try
        {
            if (clientId is not null)
            {
                connection.ClientId = clientId;
            }

            connection.Start();
            return connection;
        }
        catch (NMSException)
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>A name that nobody has used before, so that cases find nothing that others left.</summary>
    public static string Fresh(string kind) => $"nms.{kind}.{Guid.NewGuid():n}";
}
