using Mamba.Amqp.Codec;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Messaging;

/// <summary>
/// A whole message, decoded (AMQP 1.0 §3.2): for clients, tests and management, where convenience counts. A broker that forwards
/// messages walks them with <see cref="MessageScanner"/> instead. Not safe for concurrent writing.
/// </summary>
public sealed class AmqpMessage : IAmqpEncodable
{
    /// <summary>The header; null when the section is absent, which means <see cref="MessageHeader.Default"/>.</summary>
    public MessageHeader? Header { get; set; }

    public AmqpMap? DeliveryAnnotations { get; set; }

    public AmqpMap? MessageAnnotations { get; set; }

    public MessageProperties? Properties { get; set; }

    public AmqpMap? ApplicationProperties { get; set; }

    /// <summary>The body; null when the message has none, as a plain JMS Message.</summary>
    public MessageBody? Body { get; set; }

    public AmqpMap? Footer { get; set; }

    /// <summary>The value of an amqp-value body; null for other bodies.</summary>
    public object? Value => (Body as ValueBody)?.Value;

    /// <summary>The bytes of a data body, joined; null for other bodies.</summary>
    public byte[]? Data => (Body as DataBody)?.ToArray();

    /// <summary>A message with an amqp-value body.</summary>
    public static AmqpMessage FromValue(object? value) => new() { Body = new ValueBody(value) };

    /// <summary>A message with a body of one data section.</summary>
    public static AmqpMessage FromData(byte[] data) => new() { Body = new DataBody(data) };

    /// <summary>Decodes a message.</summary>
    /// <exception cref="AmqpException">As <see cref="MessageScanner.Scan"/>, of scope link.</exception>
    public static AmqpMessage Decode(ReadOnlySpan<byte> payload, DecodeLimits? limits = null)
    {
        try
        {
            return DecodeSections(payload, limits ?? DecodeLimits.Default);
        }
        catch (AmqpException failure)
        {
            throw failure.WithScope(AmqpErrorScope.Link);
        }
    }

    /// <summary>Encodes the message.</summary>
    public byte[] Encode()
    {
        using var buffer = new ByteBuffer();
        Write(new AmqpWriter(buffer));
        return buffer.ToArray();
    }

    /// <summary>Appends the sections that are present.</summary>
    public void Write(AmqpWriter writer)
    {
        Header?.Write(writer);
        WriteMap(writer, DescriptorCode.DeliveryAnnotations, DeliveryAnnotations);
        WriteMap(writer, DescriptorCode.MessageAnnotations, MessageAnnotations);
        Properties?.Write(writer);
        WriteMap(writer, DescriptorCode.ApplicationProperties, ApplicationProperties);
        Body?.Write(writer);
        WriteMap(writer, DescriptorCode.Footer, Footer);
    }

    private static void WriteMap(AmqpWriter writer, ulong descriptor, AmqpMap? map)
    {
        if (map is not null)
        {
            writer.WriteDescriptor(descriptor);
            writer.WriteMap(map);
        }
    }

    private static AmqpMessage DecodeSections(ReadOnlySpan<byte> payload, DecodeLimits limits)
    {
        var message = new AmqpMessage();
        var reader = new AmqpReader(payload, limits);
        var last = MessageSection.None;
        var sections = 0;
        while (!reader.AtEnd)
        {
            last = MessageScanner.ReadSection(ref reader, last, ref sections, limits);
            message.DecodeSection(ref reader, last);
        }

        return message;
    }

    private void DecodeSection(ref AmqpReader reader, MessageSection section)
    {
        switch (section)
        {
            case MessageSection.Header: Header = MessageHeader.ReadFields(ref reader); break;
            case MessageSection.DeliveryAnnotations: DeliveryAnnotations = reader.ReadMap(); break;
            case MessageSection.MessageAnnotations: MessageAnnotations = reader.ReadMap(); break;
            case MessageSection.Properties: Properties = MessageProperties.ReadFields(ref reader); break;
            case MessageSection.ApplicationProperties: ApplicationProperties = reader.ReadMap(); break;
            case MessageSection.Footer: Footer = reader.ReadMap(); break;
            case MessageSection.AmqpValue: Body = new ValueBody(reader.ReadValue()); break;
            case MessageSection.Data:
                Body ??= new DataBody(new List<byte[]>());
                ((DataBody)Body).Sections.Add(reader.ReadBinary());
                break;
            default:
                Body ??= new SequenceBody(new List<List<object?>>());
                ((SequenceBody)Body).Sections.Add(reader.ReadList());
                break;
        }
    }
}
