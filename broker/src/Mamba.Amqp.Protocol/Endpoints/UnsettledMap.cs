using Mamba.Amqp.Codec;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Endpoints;

/// <summary>The unsettled map of an attach (AMQP 1.0 §2.7.3): delivery-tags and the state of each.</summary>
public static class UnsettledMap
{
    private const int WiderSizes = 16;

    /// <summary>Reads the map; empty for null. A state that this library does not know counts as none.</summary>
    /// <exception cref="AmqpException">amqp:invalid-field, of scope link: a key is no delivery-tag.</exception>
    public static Dictionary<DeliveryTag, DeliveryState?> Read(AmqpMap? map)
    {
        var states = new Dictionary<DeliveryTag, DeliveryState?>(map?.Count ?? 0);
        if (map is null)
        {
            return states;
        }

        using var buffer = new ByteBuffer();
        foreach (var (key, value) in map)
        {
            if (key is not byte[] { Length: <= DeliveryTag.MaxLength } tag)
            {
                throw EndpointErrors.Link(
                    ErrorCondition.InvalidField, $"A key of the unsettled map is no delivery-tag; use binary values of up to {DeliveryTag.MaxLength} bytes.");
            }

            states[new DeliveryTag(tag)] = ReadState(value, buffer);
        }

        return states;
    }

    /// <summary>Leaves out what does not fit a frame of the agreed size, and says so by incomplete-unsettled.</summary>
    internal static void Fit(Attach attach, uint maxFrameSize)
    {
        if (attach.Unsettled is not { Count: > 0 } map)
        {
            return;
        }

        using var buffer = new ByteBuffer();
        var writer = new AmqpWriter(buffer);
        attach.Write(writer);
        if (buffer.Length + Framing.FrameHeader.Length <= maxFrameSize)
        {
            return;
        }

        var kept = new AmqpMap();
        attach.Unsettled = kept;
        attach.IncompleteUnsettled = true;
        buffer.Clear();
        attach.Write(writer);

        // Size and count of the map, and the size of the attach around it, may take up to four bytes each when there are entries.
        var room = maxFrameSize - (long)(buffer.Length + Framing.FrameHeader.Length + WiderSizes);
        foreach (var (key, value) in map)
        {
            buffer.Clear();
            writer.WriteValue(key);
            writer.WriteValue(value);
            room -= buffer.Length;
            if (room < 0)
            {
                return;
            }

            kept.Add(key, value);
        }
    }

    private static DeliveryState? ReadState(object? value, ByteBuffer buffer)
    {
        if (value is DeliveryState state)
        {
            return state;
        }

        if (value is not DescribedValue)
        {
            return null;
        }

        buffer.Clear();
        new AmqpWriter(buffer).WriteValue(value);
        try
        {
            var reader = new AmqpReader(buffer.WrittenSpan);
            return DeliveryState.Read(ref reader);
        }
        catch (AmqpException unknown) when (unknown.Condition == ErrorCondition.NotImplemented)
        {
            return null;
        }
        catch (AmqpException malformed)
        {
            throw malformed.WithScope(AmqpErrorScope.Link);
        }
    }
}
