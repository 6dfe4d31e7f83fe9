using System.Net;
using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Resumption;

/// <summary>
/// An application that sends numbered messages exactly once: it keeps what it has not settled, over any number of connections, each
/// of which may end at any moment.
/// </summary>
internal sealed class OnceSender(string queue, int messages, int window = 8)
{
    private const string Container = "once-sender";

    private readonly Dictionary<DeliveryTag, int> _unsettled = [];
    private readonly Dictionary<uint, DeliveryTag> _deliveries = [];
    private int _next;
    private int _sent;
    private uint _deliveryId;

    /// <summary>After how many frames of its own, attach included, the next connection ends.</summary>
    public int CutAt { get; set; } = int.MaxValue;

    /// <summary>Whether every message was sent, accepted and settled.</summary>
    public bool IsDone => _next == messages && _unsettled.Count == 0;

    /// <summary>Deliveries that were resumed.</summary>
    public int Resumed { get; private set; }

    /// <summary>Talks until all is done, the stream ends, or so many frames have come; then <paramref name="stop"/> is called, and the rest read if it says so.</summary>
    public async Task RunAsync(IPEndPoint endpoint, int frames, Func<RawPeer, Task<bool>> stop)
    {
        _deliveryId = 0;
        _sent = 0;
        _deliveries.Clear();
        await using var peer = await RawPeer.BeginAsync(endpoint, Container);
        if (!await PutAsync(peer, Frames.Of(new Attach
        {
            Name = "once",
            Handle = 0,
            Role = Role.Sender,
            RcvSettleMode = ReceiverSettleMode.Second,
            Source = new Source { Address = "here" },
            Target = new Target { Address = queue, Durable = TerminusDurability.UnsettledState, ExpiryPolicy = TerminusExpiryPolicy.Never },
            Unsettled = Map(),
            InitialDeliveryCount = 0,
        })))
        {
            return;
        }

        var attach = await peer.NextAsync<Attach>();
        Assert.That(attach.Target, Is.Not.Null, () => peer.Trace);
        await peer.CreditAsync(0);
        await ResumeAsync(peer, UnsettledMap.Read(attach.Unsettled));
        var stopped = false;
        for (var seen = 0; !IsDone; seen++)
        {
            stopped = stopped || seen >= frames;
            if (seen == frames && !await stop(peer))
            {
                return;
            }

            if (!stopped)
            {
                await SendMoreAsync(peer);
            }

            if (_sent > CutAt)
            {
                return;
            }

            if (await peer.TryNextAsync() is not { } frame)
            {
                return;
            }

            await HandleAsync(peer, frame.Performative);
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

    private AmqpMap Map()
    {
        var map = new AmqpMap();
        foreach (var tag in _unsettled.Keys)
        {
            map.Add(tag.ToArray(), null);
        }

        return map;
    }

    private async Task ResumeAsync(RawPeer peer, Dictionary<DeliveryTag, DeliveryState?> broker)
    {
        foreach (var (tag, number) in _unsettled.OrderBy(static send => send.Value).ToArray())
        {
            if (!broker.TryGetValue(tag, out var state))
            {
                await SendAsync(peer, tag, number, resume: false, settled: false);
            }
            else
            {
                Resumed++;
                var stored = state is Accepted;
                if (stored)
                {
                    _unsettled.Remove(tag);
                }

                await SendAsync(peer, tag, number, resume: true, settled: stored);
            }
        }
    }

    private async Task SendMoreAsync(RawPeer peer)
    {
        while (_next < messages && _unsettled.Count < window)
        {
            var tag = DeliveryTag.FromUInt64((ulong)_next);
            _unsettled.Add(tag, _next);
            await SendAsync(peer, tag, _next++, resume: false, settled: false);
        }
    }

    /// <summary>A message of two frames, so that a cut may come between them; what is settled needs no data.</summary>
    private async Task SendAsync(RawPeer peer, DeliveryTag tag, int number, bool resume, bool settled)
    {
        var id = _deliveryId++;
        _deliveries[id] = tag;
        var message = Frames.Message($"{number}", durable: true);
        var transfer = new Transfer
        {
            Handle = 0,
            DeliveryId = id,
            DeliveryTag = tag,
            MessageFormat = 0,
            Resume = resume,
            Settled = settled,
            State = settled ? Accepted.Instance : null,
        };
        if (settled)
        {
            await PutAsync(peer, Frames.Of(transfer));
        }
        else if (await PutAsync(peer, Frames.Of(transfer with { More = true }, payload: message[..5])))
        {
            await PutAsync(peer, Frames.Continuation(0, message[5..], more: false));
        }
    }

    private async Task HandleAsync(RawPeer peer, object? performative)
    {
        if (performative is not Disposition { Role: Role.Receiver } disposition)
        {
            Assert.That(performative, Is.InstanceOf<Flow>().Or.InstanceOf<Close>(), () => peer.Trace);
            return;
        }

        Assert.That(disposition.State, Is.TypeOf<Accepted>(), () => peer.Trace);
        Assert.That(disposition.Settled, Is.False, "the sender settles first");
        for (var id = disposition.First; id <= disposition.LastOrFirst; id++)
        {
            _unsettled.Remove(_deliveries[id]);
        }

        await PutAsync(peer, Frames.Of(new Disposition
        {
            Role = Role.Sender, First = disposition.First, Last = disposition.Last, Settled = true, State = Accepted.Instance,
        }));
    }
}
