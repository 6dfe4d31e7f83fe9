using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Tests.Endpoints;

/// <summary>
/// A peer that does something at random at each step. It knows enough to stay within the protocol most of the time, so that
/// sequences get long, and breaks a rule now and then.
/// </summary>
internal sealed class RandomPeer(Random random, WireScript wire)
{
    private static readonly uint[] Numbers = [0, 1, 2, 3, 7, 255, 256, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFD, 0xFFFFFFFF];

    private readonly int _odds = random.Next(3) == 0 ? 8 : 150;
    private readonly Dictionary<uint, Role> _attached = [];
    private readonly Dictionary<uint, bool> _partial = [];
    private uint _deliveryId = Numbers[random.Next(Numbers.Length)];

    private bool IsWild => random.Next(_odds) == 0;

    private uint AnyNumber => Numbers[random.Next(Numbers.Length)];

    private ushort Channel => (ushort)(IsWild ? random.Next(4) : 0);

    /// <summary>Sends one performative.</summary>
    public void Act()
    {
        switch (random.Next(20))
        {
            case 0 or 1 or 2:
                Attach();
                break;
            case <= 9:
                Transfer();
                break;
            case <= 14:
                Flow();
                break;
            case <= 17:
                Disposition();
                break;
            case 18:
                Detach();
                break;
            default:
                if (random.Next(4) == 0)
                {
                    EndAndBegin();
                }

                break;
        }
    }

    /// <summary>Reacts to what the engine wrote: a session it ended is ended and begun again.</summary>
    public void See(List<object?> frames)
    {
        if (frames.Exists(frame => frame is End) && !wire.Engine.IsClosed && wire.Session.IsEndSent && !wire.Session.IsEndReceived)
        {
            EndAndBegin();
        }
    }

    private void EndAndBegin()
    {
        wire.Send(new End(), channel: Channel);
        wire.Send(new Begin { NextOutgoingId = AnyNumber, IncomingWindow = (uint)random.Next(30), OutgoingWindow = 20 });
        _attached.Clear();
        _partial.Clear();
    }

    private void Attach()
    {
        var handle = IsWild ? AnyNumber : (uint)random.Next(6);
        if (_attached.ContainsKey(handle) && !IsWild)
        {
            return;
        }

        var role = random.Next(2) == 0 ? Role.Sender : Role.Receiver;
        _attached[handle] = role;
        _partial[handle] = false;
        var name = $"link{(IsWild ? random.Next(6) : (int)handle)}";
        wire.Send(new Attach { Name = name, Handle = handle, Role = role, InitialDeliveryCount = AnyNumber, Source = new Source { Address = "q" } }, channel: Channel);
    }

    private uint? Pick(Role role)
    {
        var candidates = _attached.Where(pair => pair.Value == role || IsWild).Select(pair => pair.Key).ToList();
        return IsWild ? AnyNumber : candidates.Count == 0 ? null : candidates[random.Next(candidates.Count)];
    }

    private void Transfer()
    {
        if (Pick(Role.Sender) is not { } handle)
        {
            return;
        }

        var continues = _partial.GetValueOrDefault(handle) ^ IsWild;
        if (!continues)
        {
            _deliveryId = unchecked(_deliveryId + (IsWild ? AnyNumber : 1));
        }

        var more = random.Next(3) == 0;
        var aborted = random.Next(10) == 0;
        _partial[handle] = more && !aborted;
        var transfer = new Transfer
        {
            Handle = handle,
            DeliveryId = continues ? null : _deliveryId,
            DeliveryTag = continues ? null : DeliveryTag.FromUInt64(_deliveryId),
            Settled = random.Next(3) switch { 0 => null, 1 => false, _ => true },
            More = more,
            Aborted = aborted,
        };
        wire.Send(transfer, new byte[random.Next(90)], Channel);
    }

    private void Flow()
    {
        var handle = Pick(random.Next(4) == 0 ? Role.Sender : Role.Receiver);
        wire.Send(
            new Flow
            {
                NextIncomingId = IsWild ? AnyNumber : null,
                IncomingWindow = IsWild ? AnyNumber : (uint)random.Next(200),
                NextOutgoingId = AnyNumber,
                OutgoingWindow = 40,
                Handle = handle,
                DeliveryCount = IsWild ? AnyNumber : null,
                LinkCredit = random.Next(5) == 0 ? null : IsWild ? AnyNumber : (uint)random.Next(60),
                Drain = random.Next(4) == 0,
                Echo = random.Next(4) == 0,
            },
            channel: Channel);
    }

    private void Disposition()
    {
        var first = IsWild ? AnyNumber : (uint)random.Next(10);
        wire.Send(
            new Disposition
            {
                Role = random.Next(3) == 0 ? Role.Sender : Role.Receiver,
                First = first,
                Last = random.Next(3) == 0 ? null : IsWild ? AnyNumber : first + (uint)random.Next(5),
                Settled = random.Next(2) == 0,
                State = random.Next(4) == 0 ? null : Accepted.Instance,
            },
            channel: Channel);
    }

    private void Detach()
    {
        if (Pick(random.Next(2) == 0 ? Role.Sender : Role.Receiver) is { } handle)
        {
            _attached.Remove(handle);
            _partial.Remove(handle);
            wire.Send(new Detach { Handle = handle, Closed = random.Next(2) == 0 }, channel: Channel);
        }
    }
}
