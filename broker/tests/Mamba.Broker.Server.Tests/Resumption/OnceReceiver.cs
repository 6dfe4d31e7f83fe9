using System.Globalization;
using System.Net;
using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Resumption;

/// <summary>
/// An application that processes messages exactly once: it keeps the outcome of each until the broker has settled, over any number of
/// connections, each of which may end at any moment.
/// </summary>
internal sealed class OnceReceiver(string queue, int messages)
{
    private const string Container = "once-receiver";
    private const uint Credit = 30;

    private readonly HashSet<DeliveryTag> _accepted = [];
    private readonly Dictionary<uint, DeliveryTag> _deliveries = [];
    private int _sent;

    /// <summary>After how many frames of its own, attach included, the next connection ends.</summary>
    public int CutAt { get; set; } = int.MaxValue;

    /// <summary>How many are to be processed.</summary>
    public int Wanted { get; set; } = messages;

    /// <summary>What was processed, in order.</summary>
    public List<int> Processed { get; } = [];

    /// <summary>Deliveries that were resumed.</summary>
    public int Resumed { get; private set; }

    public bool IsDone => Processed.Count >= Wanted && _accepted.Count == 0;

    /// <summary>Talks until all is done, the stream ends, or so many frames have come; then <paramref name="stop"/> is called, and the rest read if it says so.</summary>
    public async Task RunAsync(IPEndPoint endpoint, int frames, Func<RawPeer, Task<bool>> stop)
    {
        _deliveries.Clear();
        _sent = 0;
        await using var peer = await RawPeer.BeginAsync(endpoint, Container);
        var map = new AmqpMap();
        foreach (var tag in _accepted)
        {
            map.Add(tag.ToArray(), Accepted.Instance);
        }

        if (!await PutAsync(peer, Frames.Of(new Attach
        {
            Name = "once",
            Handle = 0,
            Role = Role.Receiver,
            RcvSettleMode = ReceiverSettleMode.Second,
            Source = new Source { Address = queue, Durable = TerminusDurability.UnsettledState, ExpiryPolicy = TerminusExpiryPolicy.Never },
            Target = new Target { Address = "here" },
            Unsettled = map,
        })))
        {
            return;
        }

        var attach = await peer.NextAsync<Attach>();
        Assert.That(attach.Source, Is.Not.Null, () => peer.Trace);
        _accepted.IntersectWith(UnsettledMap.Read(attach.Unsettled).Keys);
        uint count = 0;
        await PutAsync(peer, Frames.Credit(0, Credit));
        for (var seen = 0; !IsDone; seen++)
        {
            if (seen == frames && !await stop(peer))
            {
                return;
            }

            if (_sent > CutAt)
            {
                return;
            }

            if (await peer.TryNextAsync() is not { } frame)
            {
                return;
            }

            if (frame.Performative is Transfer transfer)
            {
                Assert.That(transfer.More, Is.False, "messages are small");
                if (++count % 10 == 0)
                {
                    await PutAsync(peer, Frames.Credit(0, Credit, count));
                }
            }

            await HandleAsync(peer, frame.Performative, frame.Payload);
        }
    }

    /// <summary>Sends a frame, unless the connection is to end before it; all that was sent before arrives.</summary>
    private async Task<bool> PutAsync(RawPeer peer, byte[] frame)
    {
        if (_sent == CutAt)
        {
            peer.ShutdownSend();
            await peer.ReadToEndAsync();
        }

        return _sent++ < CutAt && await peer.TrySendAsync(frame);
    }

    private async Task HandleAsync(RawPeer peer, object? performative, byte[] payload)
    {
        switch (performative)
        {
            case Transfer { Resume: true } resumed:
                Resumed++;
                Assert.That(resumed is { State: Accepted, Settled: true }, Is.True, () => $"we said accepted: {resumed}");
                Assert.That(_accepted.Remove(resumed.DeliveryTag!.Value), Is.True, "what is resumed is known");
                break;
            case Transfer transfer:
                var tag = transfer.DeliveryTag!.Value;
                Assert.That(_accepted.Add(tag), Is.True, () => $"a delivery that is unsettled came as a new one: {tag}");
                Processed.Add(int.Parse((string)AmqpMessage.Decode(payload).Value!, CultureInfo.InvariantCulture));
                _deliveries[transfer.DeliveryId!.Value] = tag;
                await PutAsync(peer, Frames.Settle(transfer.DeliveryId.Value, Accepted.Instance, settled: false));
                break;
            case Disposition { Role: Role.Sender } settled:
                for (var id = settled.First; id <= settled.LastOrFirst; id++)
                {
                    _accepted.Remove(_deliveries[id]);
                }

                break;
            default:
                Assert.That(performative, Is.InstanceOf<Flow>().Or.InstanceOf<Close>(), () => peer.Trace);
                break;
        }
    }
}
