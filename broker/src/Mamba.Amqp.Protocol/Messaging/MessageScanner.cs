using Mamba.Amqp.Codec;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Messaging;

/// <summary>
/// Walks the sections of a message without decoding them and without allocating (AMQP 1.0 §3.2):
/// <code>
///   header? delivery-annotations? message-annotations? properties? application-properties? body? footer?
///   body: data+ | amqp-sequence+ | amqp-value
/// </code>
/// Order and cardinality are enforced, so that nothing can hide behind the body. A message without a body passes: JMS has such.
/// Every value is walked to its leaves within <see cref="DecodeLimits"/>, so that what was scanned can be handed to consumers and
/// decoded later without surprises.
/// </summary>
/// <remarks>Errors are of scope link: a bad message ends the link that brought it, not the connection.</remarks>
public ref struct MessageScanner
{
    private readonly DecodeLimits _limits;
    private AmqpReader _reader;
    private MessageSection _last;
    private int _sections;
    private MessageHeader _header;
    private Timestamp? _absoluteExpiry;
    private bool _hasGroupId;

    /// <summary>Creates a scanner at the start of a whole message's payload.</summary>
    public MessageScanner(ReadOnlySpan<byte> payload, DecodeLimits? limits = null)
    {
        _limits = limits ?? DecodeLimits.Default;
        _reader = new AmqpReader(payload, _limits);
        _header = MessageHeader.Default;
    }

    /// <summary>Finds all sections of a message.</summary>
    /// <exception cref="AmqpException">
    /// amqp:decode-error: no AMQP message; amqp:resource-limit-exceeded: a limit is passed; amqp:invalid-field: a value out of range.
    /// </exception>
    public static MessageLayout Scan(ReadOnlySpan<byte> payload, DecodeLimits? limits = null)
    {
        try
        {
            var scanner = new MessageScanner(payload, limits);
            var layout = default(MessageLayout);
            while (scanner.NextSection(out var section))
            {
                Place(ref layout, section);
            }

            layout.HeaderFields = scanner._header;
            layout.AbsoluteExpiryTime = scanner._absoluteExpiry;
            layout.HasGroupId = scanner._hasGroupId;
            return layout;
        }
        catch (AmqpException failure)
        {
            throw failure.WithScope(AmqpErrorScope.Link);
        }
    }

    /// <summary>Moves to the next section; false at the end of the payload.</summary>
    /// <exception cref="AmqpException">See <see cref="Scan"/>.</exception>
    public bool Next(out SectionRange section)
    {
        try
        {
            return NextSection(out section);
        }
        catch (AmqpException failure)
        {
            throw failure.WithScope(AmqpErrorScope.Link);
        }
    }

    /// <summary>Reads the descriptor of the next section and checks that it may stand behind the last one.</summary>
    internal static MessageSection ReadSection(ref AmqpReader reader, MessageSection last, ref int sections, DecodeLimits limits)
    {
        var code = reader.ReadDescriptor();
        if (code is < DescriptorCode.Header or > DescriptorCode.Footer)
        {
            throw reader.Malformed($"{DescriptorCode.NameOf(code)} is no section of a message");
        }

        var section = (MessageSection)code;
        var repeats = section == last && section is MessageSection.Data or MessageSection.AmqpSequence;
        if (!repeats && Rank(section) <= Rank(last))
        {
            throw reader.Malformed($"the section {section} behind the section {last}");
        }

        if (++sections > limits.MaxSections)
        {
            throw reader.Limit($"more than {limits.MaxSections} sections in one message");
        }

        return section;
    }

    private bool NextSection(out SectionRange section)
    {
        if (_reader.AtEnd)
        {
            section = default;
            return false;
        }

        var offset = _reader.Position;
        var kind = ReadSection(ref _reader, _last, ref _sections, _limits);
        var value = _reader.Position;
        CheckValue(kind);
        _last = kind;
        section = new SectionRange(kind, offset, value, _reader.Position - offset);
        return true;
    }

    private void CheckValue(MessageSection kind)
    {
        var code = _reader.PeekCode();
        switch (kind)
        {
            case MessageSection.Header:
                _header = MessageHeader.ReadFields(ref _reader);
                return;
            case MessageSection.Properties:
                _absoluteExpiry = PropertiesView.Check(ref _reader, out _hasGroupId);
                return;
            case MessageSection.Data:
                _reader.ReadBinarySpan();
                return;
            case MessageSection.AmqpSequence when code is not (FormatCode.List0 or FormatCode.List8 or FormatCode.List32):
            case MessageSection.DeliveryAnnotations or MessageSection.MessageAnnotations or MessageSection.ApplicationProperties or MessageSection.Footer
                when code is not (FormatCode.Map8 or FormatCode.Map32):
                throw _reader.Malformed($"the section {kind} with a value of format code 0x{code:x2}");
            default:
                _reader.Skip();
                return;
        }
    }

    // The three kinds of body share a rank: a body is of one kind.
    private static int Rank(MessageSection section) => section switch
    {
        MessageSection.None => -1,
        MessageSection.AmqpSequence or MessageSection.AmqpValue => (int)MessageSection.Data,
        _ => (int)section,
    };

    private static void Place(ref MessageLayout layout, in SectionRange section)
    {
        layout.Sections++;
        switch (section.Kind)
        {
            case MessageSection.Header:
                layout.Header = section;
                layout.BareMessageOffset = section.End;
                break;
            case MessageSection.DeliveryAnnotations:
                layout.DeliveryAnnotations = section;
                layout.BareMessageOffset = section.End;
                break;
            case MessageSection.MessageAnnotations:
                layout.MessageAnnotations = section;
                layout.BareMessageOffset = section.End;
                break;
            case MessageSection.Properties:
                layout.Properties = section;
                break;
            case MessageSection.ApplicationProperties:
                layout.ApplicationProperties = section;
                break;
            case MessageSection.Footer:
                layout.Footer = section;
                break;
            default:
                layout.Body = layout.BodySections++ == 0 ? section : layout.Body with { Length = section.End - layout.Body.Offset };
                break;
        }
    }
}
