using System.Runtime.InteropServices;
using Mamba.Amqp.Codec;

namespace Mamba.Amqp.Messaging;

/// <summary>
/// The header section of a message (AMQP 1.0 §3.2.1). Reads and writes without allocation. The default value is not the default
/// header, since its priority is 0: use <see cref="Default"/>.
/// </summary>
/// <param name="Durable">Whether the message must survive the loss of the node that holds it.</param>
/// <param name="Priority">0 (lowest) to 255; 4 when it is not sent.</param>
/// <param name="Ttl">How long the message is of interest, in milliseconds from now on; null for ever.</param>
/// <param name="FirstAcquirer">Whether no other link has acquired the message before.</param>
/// <param name="DeliveryCount">The number of earlier deliveries that failed.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct MessageHeader(bool Durable, byte Priority, uint? Ttl, bool FirstAcquirer, uint DeliveryCount) : IAmqpEncodable
{
    /// <summary>The descriptor of amqp:header:list.</summary>
    public const ulong Descriptor = DescriptorCode.Header;

    /// <summary>The priority of a message that names none.</summary>
    public const byte DefaultPriority = 4;

    /// <summary>What a message without a header section has.</summary>
    public static MessageHeader Default => new(Durable: false, DefaultPriority, Ttl: null, FirstAcquirer: false, DeliveryCount: 0);

    /// <summary>Whether every field has its default, so that the section may be left out.</summary>
    public bool IsDefault => !Durable && Priority == DefaultPriority && Ttl is null && !FirstAcquirer && DeliveryCount == 0;

    /// <summary>Reads a header section, descriptor included.</summary>
    public static MessageHeader Read(ref AmqpReader reader)
    {
        reader.ReadDescriptor(Descriptor, "header");
        return ReadFields(ref reader);
    }

    /// <summary>Reads a header section after its descriptor.</summary>
    public static MessageHeader ReadFields(ref AmqpReader reader)
    {
        var fields = reader.BeginFields("header", 5);
        var durable = fields.Next(ref reader) && reader.ReadBoolean();
        var priority = fields.Next(ref reader) ? reader.ReadUByte() : DefaultPriority;
        uint? ttl = fields.Next(ref reader) ? reader.ReadUInt() : null;
        var firstAcquirer = fields.Next(ref reader) && reader.ReadBoolean();
        var deliveryCount = fields.Next(ref reader) ? reader.ReadUInt() : 0;
        fields.End(ref reader);
        return new MessageHeader(durable, priority, ttl, firstAcquirer, deliveryCount);
    }

    /// <summary>Appends the section, descriptor included; fields with their default are left out.</summary>
    public void Write(AmqpWriter writer)
    {
        var fields = new CompositeWriter(writer, Descriptor);
        fields.Boolean(Durable ? true : null);
        fields.UByte(Priority == DefaultPriority ? null : Priority);
        fields.UInt(Ttl);
        fields.Boolean(FirstAcquirer ? true : null);
        fields.UInt(DeliveryCount == 0 ? null : DeliveryCount);
        fields.End();
    }
}
