using Mamba.Amqp.Codec;
using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Types;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Conformance.Messaging;

/// <summary>Each field of the properties section, alone and together (AMQP 1.0 §3.2.4).</summary>
public static class PropertyFamily
{
    private static readonly (string Name, int Field, object Value)[] Fields =
    [
        ("message-id-string", 0, "id-1"),
        ("message-id-ulong", 0, 17UL),
        ("message-id-uuid", 0, new Guid("00010203-0405-0607-0809-0a0b0c0d0e0f")),
        ("message-id-binary", 0, new byte[] { 1, 2, 3 }),
        ("user-id", 1, "anonymous-user"u8.ToArray()),
        ("to", 2, "somewhere/else"),
        ("subject", 3, "a subject"),
        ("reply-to", 4, "reply/here"),
        ("correlation-id-string", 5, "corr-1"),
        ("correlation-id-ulong", 5, ulong.MaxValue),
        ("correlation-id-uuid", 5, new Guid("ffeeddcc-bbaa-9988-7766-554433221100")),
        ("correlation-id-binary", 5, new byte[] { 0xff, 0 }),
        ("content-type", 6, new Symbol("application/json")),
        ("content-encoding", 7, new Symbol("gzip")),
        ("absolute-expiry-time", 8, new Timestamp(4_102_444_800_000)),
        ("creation-time", 9, new Timestamp(1_700_000_000_000)),
        ("group-id", 10, "group"),
        ("group-sequence", 11, uint.MaxValue),
        ("reply-to-group-id", 12, "reply-group"),
    ];

    [CaseFamily]
    public static IEnumerable<ConformanceCase> Family()
    {
        foreach (var (name, field, value) in Fields)
        {
            yield return ConformanceCase.Of(typeof(PropertyFamily), $"PROPERTY-{name}", "3.2.4", $"The property {name} arrives as it was sent", "", async c =>
            {
                var fields = new object?[field + 1];
                fields[field] = ValueFor(c, field, value);
                byte[] message = [.. Raw.Composite(0x73, fields), .. Raw.Section(0x75, [0xa0, 0])];
                var delivery = await SectionCases.SendAndTakeAsync(c, message);
                Check.Equal(Field(delivery.Payload, field), fields[field], name);
            });
        }
    }

    [Case("PROPERTY-all", "3.2.4", "All properties together arrive as they were sent", Covers = "messaging.3.2-1")]
    public static async Task All(CaseContext c)
    {
        var fields = Enumerable.Range(0, 13).Select(i => (object?)ValueFor(c, i, Fields.First(f => f.Field == i).Value)).ToArray();
        byte[] message = [.. Raw.Composite(0x73, fields), .. Raw.Section(0x75, [0xa0, 0])];
        var delivery = await SectionCases.SendAndTakeAsync(c, message);
        Check.Equal(EncodingCases.BareMessage(delivery.Payload), message, "the bare message");
    }

    [Case("PROPERTY-application", "3.2.5", "Many application properties of all kinds of names arrive")]
    public static async Task Application(CaseContext c)
    {
        var message = AmqpMessage.FromValue("x");
        message.ApplicationProperties = new AmqpMap();
        for (var i = 0; i < 200; i++)
        {
            message.ApplicationProperties[$"Имя {i.ToString(System.Globalization.CultureInfo.InvariantCulture)}-{new string('n', i % 50)}"] = (long)i;
        }

        var received = Check.Present((await SectionCases.SendAndTakeAsync(c, message.Encode())).Message.ApplicationProperties, "application-properties");
        Check.Equal(received.Count, message.ApplicationProperties.Count);
        foreach (var (key, value) in message.ApplicationProperties)
        {
            Check.Equal(received[key], value, $"{key}");
        }
    }

    // Brokers may check that user-id is who logged in.
    private static object ValueFor(CaseContext c, int field, object value) =>
        field == 1 && c.Broker is { User: { } user, Anonymous: false } ? System.Text.Encoding.UTF8.GetBytes(user) : value;

    private static object? Field(byte[] payload, int field)
    {
        var layout = MessageScanner.Scan(payload);
        Check.That(layout.Properties.IsPresent, "a properties section");
        var reader = new AmqpReader(layout.Properties.ValueIn(payload));
        var fields = (List<object?>)reader.ReadValue()!;
        return field < fields.Count ? fields[field] : null;
    }
}
