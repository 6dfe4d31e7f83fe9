using System.Runtime.InteropServices;
using Mamba.Amqp.Codec;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Messaging;

/// <summary>The kinds of sections that a message consists of; the values are their descriptor codes (AMQP 1.0 §3.2).</summary>
public enum MessageSection : byte
{
    None = 0,
    Header = (byte)DescriptorCode.Header,
    DeliveryAnnotations = (byte)DescriptorCode.DeliveryAnnotations,
    MessageAnnotations = (byte)DescriptorCode.MessageAnnotations,
    Properties = (byte)DescriptorCode.Properties,
    ApplicationProperties = (byte)DescriptorCode.ApplicationProperties,
    Data = (byte)DescriptorCode.Data,
    AmqpSequence = (byte)DescriptorCode.AmqpSequence,
    AmqpValue = (byte)DescriptorCode.AmqpValue,
    Footer = (byte)DescriptorCode.Footer,
}

/// <summary>Where a section lies in the payload.</summary>
/// <param name="Kind">The kind of section; <see cref="MessageSection.None"/> when the message has no such section.</param>
/// <param name="Offset">The first byte of the section: its descriptor's.</param>
/// <param name="ValueOffset">The first byte of the section's value, behind the descriptor.</param>
/// <param name="Length">The length of the section in bytes, descriptor included.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct SectionRange(MessageSection Kind, int Offset, int ValueOffset, int Length)
{
    /// <summary>Whether the message has the section.</summary>
    public bool IsPresent => Kind != MessageSection.None;

    /// <summary>The first byte behind the section.</summary>
    public int End => Offset + Length;

    /// <summary>The bytes of the section, descriptor included.</summary>
    public ReadOnlySpan<byte> In(ReadOnlySpan<byte> payload) => payload.Slice(Offset, Length);

    /// <summary>The bytes of the section's value, without the descriptor.</summary>
    public ReadOnlySpan<byte> ValueIn(ReadOnlySpan<byte> payload) => payload[ValueOffset..End];
}

/// <summary>Where the sections of a message lie in its payload. All offsets are bytes from the payload's start.</summary>
[StructLayout(LayoutKind.Auto)]
public struct MessageLayout
{
    public SectionRange Header { get; internal set; }

    public SectionRange DeliveryAnnotations { get; internal set; }

    public SectionRange MessageAnnotations { get; internal set; }

    public SectionRange Properties { get; internal set; }

    public SectionRange ApplicationProperties { get; internal set; }

    /// <summary>The body: its kind is that of its sections, its range covers all of them. Absent in a message without a body.</summary>
    public SectionRange Body { get; internal set; }

    /// <summary>The number of sections that the body consists of: one, or more of data or amqp-sequence.</summary>
    public int BodySections { get; internal set; }

    public SectionRange Footer { get; internal set; }

    /// <summary>
    /// Where the bare message begins: the first byte behind header, delivery-annotations and message-annotations. All bytes from
    /// here to the end are the sender's and stay as they are (AMQP 1.0 §3.2).
    /// </summary>
    public int BareMessageOffset { get; internal set; }

    /// <summary>The number of all sections.</summary>
    public int Sections { get; internal set; }

    /// <summary>What the header says; <see cref="MessageHeader.Default"/> in a message without one.</summary>
    public MessageHeader HeaderFields { get; internal set; }

    /// <summary>properties.absolute-expiry-time; null when absent.</summary>
    public Timestamp? AbsoluteExpiryTime { get; internal set; }

    /// <summary>Whether there is a properties.group-id; an empty one counts.</summary>
    public bool HasGroupId { get; internal set; }
}
