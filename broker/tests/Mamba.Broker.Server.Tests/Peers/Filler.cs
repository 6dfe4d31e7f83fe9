using System.Net;
using Mamba.Amqp.Transport;

namespace Mamba.Broker.Server.Tests.Peers;

/// <summary>Puts many messages on a queue, settled, keeping to the credit.</summary>
internal static class Filler
{
    private const int PerWrite = 200;

    public static async Task FillAsync(IPEndPoint endpoint, string queue, int count, Func<int, byte[]> message)
    {
        await using var peer = await RawPeer.BeginAsync(endpoint, $"filler-{queue}");
        await peer.SendAsync(Frames.Sender(0, queue));
        await peer.NextAsync<Attach>();
        var sent = 0;
        var limit = 0;
        while (sent < count)
        {
            while (limit <= sent)
            {
                var flow = await peer.NextAsync<Flow>();
                limit = flow.Handle == 0 ? (int)(flow.DeliveryCount!.Value + flow.LinkCredit!.Value) : limit;
            }

            var until = Math.Min(Math.Min(count, limit), sent + PerWrite);
            var frames = new List<byte[]>();
            for (; sent < until; sent++)
            {
                frames.Add(Frames.Transfer(0, (uint)sent, message(sent), settled: true));
            }

            await peer.SendAsync([.. frames]);
        }

        await peer.CloseAsync();
    }
}
