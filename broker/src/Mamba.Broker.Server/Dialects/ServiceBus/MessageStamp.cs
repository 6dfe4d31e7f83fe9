using Mamba.Amqp.Codec;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Types;
using Mamba.Broker.Engine;

namespace Mamba.Broker.Server.Dialects.ServiceBus;

/// <summary>
/// What happens to a message that a client of Service Bus sends, whose clients have no word for durable: it is. It is delivered at its
/// <c>x-opt-scheduled-enqueue-time</c>, if it has one, and gets an <c>x-opt-enqueued-time</c>. The bare message stays as it is.
/// </summary>
internal static class MessageStamp
{
    private static readonly Symbol EnqueuedTime = new("x-opt-enqueued-time");
    private static readonly Symbol ScheduledTime = new("x-opt-scheduled-enqueue-time");

    /// <summary>The message to store in place of one that came in, whose reference is taken over.</summary>
    /// <param name="original">As it came.</param>
    /// <param name="now">Unix milliseconds.</param>
    public static StoredMessage Stamp(StoredMessage original, long now)
    {
        var annotations = Annotations.Of(original);
        var at = annotations[ScheduledTime] is Timestamp scheduled && scheduled.Milliseconds > now ? scheduled.Milliseconds : 0;
        annotations[EnqueuedTime] = new Timestamp(at == 0 ? now : at);
        using var section = new ByteBuffer();
        Annotations.Write(section, annotations);
        var bare = original.Span[original.AnnotationsLength..];
        var stamped = original.RentSimilar(section.Length + bare.Length);
        section.WrittenSpan.CopyTo(stamped.Buffer);
        bare.CopyTo(stamped.Buffer.AsSpan(section.Length));
        stamped.AnnotationsLength = section.Length;
        stamped.Schedule = original.Schedule;
        stamped.Durable = true;
        stamped.DeliverAt = at == 0 ? original.DeliverAt : at;
        if (at != 0 && original.Ttl != 0)
        {
            // The time to live counts from when it is there.
            stamped.ExpiresAt = at + original.Ttl;
        }

        original.Release();
        return stamped;
    }
}

/// <summary>The message-annotations in front of a stored message.</summary>
internal static class Annotations
{
    public static AmqpMap Of(StoredMessage message)
    {
        if (message.AnnotationsLength == 0)
        {
            return [];
        }

        var reader = new AmqpReader(message.Span[..message.AnnotationsLength]);
        reader.ReadDescriptor();
        return reader.ReadMap();
    }

    public static void Write(ByteBuffer output, AmqpMap annotations)
    {
        var writer = new AmqpWriter(output);
        writer.WriteDescriptor((ulong)MessageSection.MessageAnnotations);
        writer.WriteMap(annotations);
    }
}
